import type { ServerDuplexStream } from '@grpc/grpc-js'
import { Departure } from '../departure.ts'

/**
 * Messages of a stream that are looked after at once: as many as a run may have rows, so that a client with one stream
 * fills its runs. The rest waits at the client.
 */
const MOST_UNDER_WAY = 128

/**
 * Answers the messages of a stream in their order. A client that does not read its answers is not read either: it would
 * fill the memory with them.
 *
 * @param answer of one message, as it goes out; must not reject. `departure` is left when the client goes.
 */
export function answerStream<Message>(
  call: ServerDuplexStream<Message, Buffer>,
  answer: (message: Message, departure: Departure) => Promise<Buffer>,
): void {
  const departures = new Set<Departure>()
  // One listener for all messages: Node warns on stderr, where the log is, of many.
  call.once('cancelled', () => {
    for (const departure of departures) departure.leave()
  })
  let last = Promise.resolve()
  call.on('data', (message: Message) => {
    const departure = new Departure()
    departures.add(departure)
    if (departures.size >= MOST_UNDER_WAY) call.pause()
    const coming = answer(message, departure)
    last = last.then(async () => {
      const bytes = await coming
      if (!call.cancelled && !call.write(bytes)) await taken(call)
      departures.delete(departure)
      call.resume()
    })
  })
  call.on('end', () => void last.then(() => call.end()))
  call.on('error', () => {})
}

/** Until the client has read on, or has gone. */
function taken(call: ServerDuplexStream<unknown, Buffer>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done).off('close', done)
      resolve()
    }
    call.on('drain', done).on('close', done)
  })
}
