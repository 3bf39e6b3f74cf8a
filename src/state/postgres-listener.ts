import pg from 'pg'
import type { Listener } from './database.ts'

const CONNECT_MS = 10_000
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 15_000
/** A connection that was cut without a word is found out by asking. */
const ASK_EVERY_MS = 15_000

/** Hears a channel of a PostgreSQL server over a connection of its own, which is opened again whenever it breaks. */
export function listenOn(url: string, channel: string, listener: Listener): () => Promise<void> {
  let closed = false
  let client: pg.Client | null = null
  let timer: NodeJS.Timeout | undefined
  let wait = FIRST_RETRY_MS

  const again = (broken: pg.Client) => {
    if (client !== broken || closed) return
    client = null
    clearTimeout(timer)
    broken.end().catch(() => {})
    timer = setTimeout(open, wait).unref()
    wait = Math.min(2 * wait, LONGEST_RETRY_MS)
  }
  const ask = (asked: pg.Client) => {
    timer = setTimeout(() => {
      asked.query('SELECT 1').then(
        () => client === asked && ask(asked),
        () => again(asked),
      )
    }, ASK_EVERY_MS).unref()
  }
  const open = () => {
    const own = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: CONNECT_MS,
      keepAlive: true,
    })
    client = own
    own.on('error', () => again(own))
    own.on('end', () => again(own))
    own.on('notification', ({ payload }) => listener.heard(payload ?? ''))
    own
      .connect()
      .then(() => own.query(`LISTEN ${pg.escapeIdentifier(channel)}`))
      .then(
        () => {
          if (client !== own) return
          wait = FIRST_RETRY_MS
          listener.opened()
          ask(own)
        },
        () => again(own),
      )
  }
  open()
  return async () => {
    closed = true
    clearTimeout(timer)
    await client?.end().catch(() => {})
  }
}
