// A line of the log, for who writes one and who keeps them.

export type LogLevel = 'warning' | 'info' | 'debug';
/** A line without an end; `info` where no level is given. */
export type Log = (message: string, level?: LogLevel) => void;
