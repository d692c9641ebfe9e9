// Times and limits of the spanning tree. Seconds are those of the spanning tree's own clock, see clock.ts.

export const HELLO_SECONDS = 4;
/** Three hellos: the age at which a neighbour's offer expires. */
export const OFFER_SECONDS = 12;
/** Five hellos: a port that receives no BPDU for this long has no neighbour any more. vde_switch takes 16 to 32 s. */
export const SILENCE_SECONDS = 20;

/** The cost of every port before its bonus is subtracted. */
export const PORT_COST = 20_000_000;
/**
 * The most links on a path to the root. Offers of a dead root circulate in a ring of switches until their path reaches
 * this limit.
 */
export const AGE_MAX = 40;
/** The same limit as a cost, for neighbours that do not pass on an age, such as vde_switch. */
export const COST_MAX = AGE_MAX * PORT_COST;
/**
 * The minimum cost of a port. If it were 0, a path round a ring would not look worse than a direct one, and the
 * switches would never agree.
 */
export const PORT_COST_MIN = 1;
/** The maximum cost of a port. Added to COST_MAX, it fits the 31 bits that the console prints. */
export const PORT_COST_MAX = 1_000_000_000;

/** The most BPDUs sent per second by a port in a VLAN. Further BPDUs are merged into one BPDU in the next second. */
export const SENDS_PER_SECOND = 20;
/**
 * The most topology changes that a port in a VLAN forwards per second for its neighbours. 802.1D allows one in each
 * period of a hello plus 1 s; tree.ts says why this limit differs.
 */
export const CHANGES_PER_SECOND = 8;
/** The most flushes of one VLAN's addresses per second. Further flushes become one flush in the next second. */
export const FLUSHES_PER_SECOND = 4;
