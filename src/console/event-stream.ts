// Sends events to a connection, each as one line of JSON. A client that reads too slowly loses events, and a line says
// how many.
import type { Socket } from 'node:net';
import { printableJson } from '../protocol/printable.ts';
import type { EventFeed } from '../switch/event-feed.ts';
import type { FeedEvent } from '../switch/events.ts';

/** How many bytes may wait for a slow client, besides those in the kernel's buffer. */
const BACKLOG_MAX = 65_536;

/** Sends events until the client disconnects or shuts down its side of the connection. */
export function streamEvents(events: EventFeed, connection: Socket): Promise<void> {
  return new Promise((resolve) => {
    let gap: FeedEvent | undefined;
    const send = (event: FeedEvent) => connection.write(`${printableJson(event)}\n`);
    const sendGap = () => {
      if (gap) send(gap);
      gap = undefined;
    };
    const stop = events.listen((event) => {
      if (connection.writableLength > BACKLOG_MAX) {
        gap = merge(gap, event);
        return;
      }
      sendGap();
      send(event);
    });
    const end = () => {
      stop();
      connection.off('drain', sendGap);
      resolve();
    };
    connection.on('drain', sendGap);
    connection.once('end', end);
    connection.once('close', end);
    // What the client still sends is discarded: the iterator that read commands listens no longer.
    connection.removeAllListeners('readable');
    connection.resume();
    if (connection.destroyed || connection.readableEnded) end();
  });
}

function merge(gap: FeedEvent | undefined, { sequence, time, ...event }: FeedEvent): FeedEvent {
  const before = gap?.type === 'gap' ? gap.lost : 0;
  return { sequence, time, type: 'gap', lost: before + (event.type === 'gap' ? event.lost : 1) };
}
