// Receives the engine's events: each becomes an event of the switch or a log line, or goes to the part that it
// concerns.
import type { EngineEvent } from '../system/engine.ts';
import { describeEnd, nameEnd } from '../system/errno.ts';
import { LineLimit } from '../system/line-limit.ts';
import type { Log } from '../system/log.ts';
import type { Capture } from './capture.ts';
import type { Captures } from './captures.ts';
import { type EndpointEnds, Ends } from './ends.ts';
import type { SwitchEvent } from './events.ts';
import type { EndpointInfo, PortTable } from './port-table.ts';
import type { PortReservations } from './reservations.ts';
import type { SpanningTrees } from './spanning-trees.ts';

interface Parts {
  table: PortTable;
  reservations: PortReservations;
  capture: Capture;
  captures: Captures;
  spanningTrees: SpanningTrees;
  tell: (event: SwitchEvent) => void;
  log: Log;
}

export class EngineEvents {
  readonly #parts: Parts;
  readonly #ends = new Ends();
  readonly #notices: LineLimit;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#notices = new LineLimit(parts.log, (count) => `${count} more notices about endpoints meanwhile`);
  }

  /** Returns how many endpoints have ended by themselves, by kind and reason. */
  ends(): EndpointEnds[] {
    return this.#ends.list();
  }

  receive(event: EngineEvent): void {
    const { captures, capture, spanningTrees, log, tell } = this.#parts;
    switch (event.type) {
      case 'endpoint-ended':
        this.#ended(event, event.reason ?? nameEnd(event.errno), event.text ?? describeEnd(event.errno));
        return;
      case 'endpoint-notice':
        this.#noticed(event, event.text);
        return;
      case 'capture-ended':
        captures.ended(event.capture, event.errno);
        return;
      case 'mac-moved':
        log(`MAC ${event.mac} moved from port ${event.from} to port ${event.to}`, 'info', {
          mac: event.mac,
          port: event.to,
        });
        return;
      case 'mac-flapping': {
        const { mac, port, elsewhere, seconds } = event;
        log(
          `MAC ${mac} flaps between port ${port} and port ${elsewhere}: it stays on port ${port} for ${seconds} s`,
          'info',
          { mac, port },
        );
        tell(event);
        return;
      }
      case 'frame-received':
      case 'frame-transmitted':
        capture.deliver({
          direction: event.type === 'frame-received' ? 'received' : 'transmitted',
          port: event.port,
          bytes: event.bytes,
        });
        return;
      case 'bpdu':
        spanningTrees.received(event.port, event.vlan, event.bytes);
        return;
      case 'mac-changed': {
        const { change, mac, vlan, port, previous } = event;
        if (change === 'added') tell({ type: 'mac-added', mac, vlan, port });
        else if (change === 'moved') tell({ type: 'mac-moved', mac, vlan, port, from: previous });
        else tell({ type: 'mac-removed', mac, vlan, port, reason: change });
        return;
      }
    }
  }

  /** Ends an endpoint, unless it has been detached meanwhile. `reason` is for a counter and `text` for the log. */
  #ended(which: { port: number; endpoint: number }, reason: string, text: string): void {
    const endpoint = this.#endpointOf(which);
    if (!endpoint) return;
    this.#ends.add(endpoint.kind, reason);
    this.#parts.reservations.end(endpoint.id, text);
  }

  #noticed(which: { port: number; endpoint: number }, text: string): void {
    const endpoint = this.#endpointOf(which);
    if (endpoint) this.#notices.say(`${endpoint.attachment ?? endpoint.kind}: port ${which.port}: ${text}`, 'warning');
  }

  #endpointOf({ port, endpoint }: { port: number; endpoint: number }): EndpointInfo | undefined {
    return this.#parts.table.get(port)?.endpoints.find(({ id }) => id === endpoint);
  }
}
