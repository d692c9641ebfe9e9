// The screen of `tsvdectl top`, drawn by ink: it takes keys, follows the size of the terminal and asks for new data
// once a second.
import { Box, type Key, Text, useInput, useStdout } from 'ink';
import { createElement, useEffect, useReducer, useRef, useState } from 'react';
import type { AskData } from '../console-data.ts';
import { sampler } from '../sampler.ts';
import type { Screen } from '../table.ts';
import { portView } from '../views/port.ts';
import { portsView } from '../views/ports.ts';
import { detailLines, type TopScreen, tableLines } from './top-lines.ts';
import { SORTS, type SortKey, type TopPort, TopState } from './top-state.ts';

const PERIOD_MS = 1000;

export interface AppProps {
  ask: AskData;
  switchName: string;
  paint: Screen['paint'];
  /** Called when the user quits, or with the reason when the data cannot be read. */
  end(reason?: unknown): void;
  suspend(): void;
}

export function App({ ask, switchName, paint, end, suspend }: AppProps) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const state = useRef(new TopState()).current;
  const [opened, open] = useState(false);
  const [offset, scroll] = useState(0);
  const { stdout } = useStdout();
  const screen: TopScreen = { width: stdout.columns || 80, height: stdout.rows || 24, paint };
  const details = useDetails(ask, opened ? state.selected : undefined, screen, end);

  useEffect(() => {
    stdout.on('resize', redraw);
    return () => void stdout.off('resize', redraw);
  }, [stdout]);
  usePeriodically(
    () => {
      const next = sampler(portsView, ask, '');
      return async () => {
        state.update((await next()).data as TopPort[]);
        redraw();
      };
    },
    [],
    end,
  );
  const act = (input: string, key: Key) => {
    const page = Math.max(1, screen.height - 4);
    if (input === 'q' || (key.ctrl && input === 'c')) return end();
    if (key.ctrl && input === 'z') return suspend();
    const scrolled = (lines: number) => scroll(Math.max(0, offset + lines));
    if (key.return) open(true);
    else if (key.escape || key.backspace || key.delete) open(false);
    else if (opened && key.pageUp) scrolled(-page);
    else if (opened && key.pageDown) scrolled(page);
    else if (key.upArrow || input === 'k') state.move(-1);
    else if (key.downArrow || input === 'j') state.move(1);
    else if (key.pageUp) state.move(-page);
    else if (key.pageDown) state.move(page);
    else if (!opened && Object.hasOwn(SORTS, input)) state.sortBy(input as SortKey);
    else return;
    redraw();
  };
  // Keys that arrive together, as over a slow connection, are one input.
  useInput((input, key) => {
    if (input.length > 1) for (const one of input) act(one, key);
    else act(input, key);
  });

  const lines = opened ? detailLines(state, details, offset, screen) : tableLines(state, switchName, screen);
  // One row is left free: ink clears the whole terminal for each frame that fills it.
  const fitting = lines.slice(0, screen.height - 1);
  return createElement(
    Box,
    { flexDirection: 'column' },
    ...fitting.map((line, i) => createElement(Text, { key: i, wrap: 'truncate' }, line === '' ? ' ' : line)),
  );
}

/** Returns the lines of the view `port` for a port, kept up to date; none while they are not known. */
function useDetails(ask: AskData, port: number | undefined, screen: TopScreen, end: AppProps['end']): string[] {
  const [draw, setDraw] = useState<{ port: number; lines(screen: Screen): string[] }>();
  usePeriodically(
    () => {
      if (port === undefined) return undefined;
      const next = sampler(portView, ask, String(port));
      return async () => setDraw({ port, lines: (await next()).draw });
    },
    [port],
    end,
  );
  return draw && draw.port === port ? draw.lines(screen) : [];
}

/** Calls the function that `begin` returns at once and then once a second. Begins anew when `keys` change. */
function usePeriodically(
  begin: () => (() => Promise<void>) | undefined,
  keys: readonly unknown[],
  end: AppProps['end'],
): void {
  useEffect(() => {
    const act = begin();
    if (!act) return undefined;
    let stopped = false;
    let timer: NodeJS.Timeout;
    const round = async () => {
      await act();
      if (!stopped) timer = setTimeout(() => void round().catch(fail), PERIOD_MS);
    };
    const fail = (error: unknown) => {
      if (!stopped) end(error);
    };
    round().catch(fail);
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, keys);
}
