// The columns of the tables: titles and number formats. With `ratio`, the ratio of our figure to the peer's is shown
// too.
export const RATE = { key: 'rate', title: 'kframes/s', digits: 0, spread: true, ratio: true };
export const CPU = { key: 'cpu', title: 'CPU us', digits: 2, ratio: true };
/** The switch's CPU time for each MiB that arrived. */
export const CPU_OF_BYTES = { key: 'cpu', title: 'CPU ms/MiB', digits: 3, ratio: true };
/** The rate at which iperf3's bytes arrived. */
export const GBITS = { key: 'gbits', title: 'Gbit/s', digits: 3, spread: true, ratio: true };
export const RETRANSMITS = { key: 'retransmits', title: 'retransmits', digits: 0 };
export const GOODPUT = { key: 'goodput', title: 'Gbit/s', digits: 2 };
export const SHARE = { key: 'share', title: 'delivered %', digits: 1 };
export const KICKS = { key: 'kicks', title: 'kicks a frame', digits: 3 };
export const INTERRUPTS = { key: 'interrupts', title: 'interrupts a frame', digits: 3 };
export const P50 = { key: 'p50', title: 'p50 us', digits: 1, ratio: true };
export const P90 = { key: 'p90', title: 'p90 us', digits: 1 };
export const P99 = { key: 'p99', title: 'p99 us', digits: 1, ratio: true };
export const P999 = { key: 'p999', title: 'p99.9 us', digits: 1 };
