// The types of the data that the server sends to the page. The server and the page, which runs in a browser, share
// them.

/** A port and what is on it. */
export interface LivePort {
  port: number;
  /** Set by an administrator, or asked for by a client: it may be any valid name. */
  name?: string | undefined;
  /** `blocked` if the port is active, but spanning tree blocks it in its untagged VLAN. */
  state: 'up' | 'down' | 'blocked';
  /** Undefined if the port has no untagged VLAN. */
  untagged?: number | undefined;
  tagged: number[];
  attachment?: string | undefined;
  /** The newest first. Descriptions come from clients and may contain any text. */
  endpoints: { id: number; kind: string; description: string }[];
}

/** The counters of one direction. `rx` is what the switch receives from the port, `tx` what it sends to the port. */
export interface LiveFlow {
  bytes: number;
  unicast: number;
  multicast: number;
  broadcast: number;
  /** The reasons for which frames were dropped, with their numbers. */
  drops: Record<string, number>;
}

/** The counters of a port since its creation or since they were reset. */
export interface LiveCounters {
  port: number;
  rx: LiveFlow;
  tx: LiveFlow;
  /** How often reading from the port was paused. */
  pauses: number;
  /** How often the port stayed full for too long. */
  stalls: number;
  /** Frames in the queue, and the most that may be there. */
  queue: [frames: number, limit: number];
}

export interface LiveSwitch {
  name: string;
  version: string;
  hub: boolean;
  uptimeSeconds: number;
  /** Addresses in the MAC table, and the most that it can hold. */
  macs: [entries: number, limit: number];
}

/** An event of the switch, in words. The words may contain any text of a client. */
export interface LiveEvent {
  sequence: number;
  /** In milliseconds since 1970. */
  time: number;
  text: string;
  port?: number | undefined;
}

/** A message of the stream `/live`, sent once a second. */
export interface LiveMessage {
  /** A monotonic time of the server in milliseconds. */
  at: number;
  switch: LiveSwitch;
  /** Whether the message describes all ports; otherwise it has those that changed since the previous message. */
  whole: boolean;
  ports: LivePort[];
  removed: number[];
  counters: LiveCounters[];
  /**
   * The events since the previous message or, in a whole message, the latest events, some of which may have been sent
   * before. Events with the same sequence number are the same.
   */
  events: LiveEvent[];
}

/** An address, as `/macs` returns it. */
export interface LiveMac {
  mac: string;
  vlan: number;
  port: number;
  name?: string | undefined;
  ageSeconds: number;
}

/** The answer of `/macs?q=WORDS&port=N`. */
export interface LiveMacs {
  /** How many addresses match; at most the first 500 are listed. */
  matched: number;
  total: number;
  macs: LiveMac[];
}
