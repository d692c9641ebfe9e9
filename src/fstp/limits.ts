// Times and limits of the spanning tree. Seconds are the machine's own, see clock.ts.

export const HELLO_SECONDS = 4;
/** Three hellos: the age at which a neighbour's offer expires. */
export const OFFER_SECONDS = 12;
/** Five hellos: no neighbour speaks FSTP there any more. vde_switch takes 16 to 32, by two windows of 16. */
export const SILENCE_SECONDS = 20;

/** The cost of every port, before its bonus. */
export const PORT_COST = 20_000_000;
/** Most switches between the root and us. Offers of a dead root circulate in a ring until they reach this limit. */
export const AGE_MAX = 40;
/** The same limit for switches that, like vde_switch, do not pass the age on. */
export const COST_MAX = AGE_MAX * PORT_COST;
/** Below this a detour in a circle would be an improvement, and the switches would never agree. */
export const PORT_COST_MIN = 1;
/** Together with COST_MAX it fits the 31 bits that the console prints. */
export const PORT_COST_MAX = 1_000_000_000;

/** BPDUs per second on a port in a VLAN. What is due beyond that is sent as one BPDU in the next second. */
export const SENDS_PER_SECOND = 20;
/** Topology changes of others passed on per second on a port in a VLAN, see tree.ts; 802.1D has one in hello + 1. */
export const CHANGES_PER_SECOND = 8;
/** Flushes of one VLAN's addresses per second. What is due beyond that is one flush in the next second. */
export const FLUSHES_PER_SECOND = 4;
