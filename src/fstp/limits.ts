// Times and bounds of the spanning tree. Seconds are the machine's own, see clock.ts.

export const HELLO_SECONDS = 4;
/** Three hellos: what a neighbour offered is then gone. */
export const OFFER_SECONDS = 12;
/** Five hellos: nobody speaks FSTP there any more. The original has 16 to 32, by two windows of 16. */
export const SILENCE_SECONDS = 20;

/** Of every port, less its bonus. */
export const PORT_COST = 20_000_000;
/** Switches between the root and us. Word of a root that died goes round in a ring until it meets this bound. */
export const AGE_MAX = 40;
/** The same bound for switches which, as the original, do not pass the age on. */
export const COST_MAX = AGE_MAX * PORT_COST;
/** A bonus beyond the cost is a way that is cheaper than nothing: going in a circle would pay, and nobody agrees. */
export const PORT_COST_MIN = 1;
/** Together with COST_MAX it fits the 31 bits that are printed. */
export const PORT_COST_MAX = 1_000_000_000;

/** BPDUs a port and VLAN send in one second; what is due beyond that goes out, once, in the next. */
export const SENDS_PER_SECOND = 20;
/** Topology changes of others that a port and VLAN pass on in one second, see tree.ts; 802.1D has one in hello + 1. */
export const CHANGES_PER_SECOND = 8;
/** Flushes of one VLAN's addresses in one second; what is due beyond that is one, in the next. */
export const FLUSHES_PER_SECOND = 4;
