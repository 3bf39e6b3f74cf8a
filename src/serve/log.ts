/** What is written down: one JSON object a line. */
export interface Log {
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

type Fields = Readonly<Record<string, unknown>>

/** A log that hands each line to `write`. */
export function jsonLog(write: (line: string) => void): Log {
  const at =
    (level: string) =>
    (message: string, fields: Fields = {}) =>
      write(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }))
  return { info: at('info'), warn: at('warn'), error: at('error') }
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }
