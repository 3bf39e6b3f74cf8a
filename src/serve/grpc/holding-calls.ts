import type { ServerHttp2Stream } from 'node:http2'
import { constants } from 'node:http2'
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type StatusObject,
} from '@grpc/grpc-js'
import { inOne } from '../../engine/index.ts'
import type { BodyBudget } from '../body-budget.ts'
import { decodeBody } from '../http/body.ts'
import type { HttpLimits } from '../http/http-face.ts'

/**
 * What the library's own call has beside its interface: it gathers messages from the stream and inflates them with no
 * bound but the largest message, and offers no hook before a message is whole.
 */
interface OwnCall {
  readonly stream: ServerHttp2Stream
  decompressMessage(message: Buffer, encoding: string): Promise<Buffer> | Buffer
}

/** Bytes before a message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5

/**
 * Counts the bytes of messages as they come, what they inflate to, and answers until they are taken, as those of HTTP
 * are; a call for which there is no room is refused, and one whose answer nobody takes is cut off.
 *
 * @param told an error as the client may read it.
 */
export function holdingCalls(
  budget: BodyBudget,
  limits: HttpLimits,
  told: (error: unknown) => StatusObject,
): ServerInterceptor {
  return (_method, call) => {
    const own = call as ServerInterceptingCallInterface & OwnCall
    const { stream } = own
    const holding = budget.open()
    /** Of messages that are not answered yet. */
    const sizes: number[] = []
    let answerBytes = 0
    const take = (bytes: number): boolean => {
      try {
        holding.take(bytes)
        return true
      } catch (error) {
        call.sendStatus(told(error))
        return false
      }
    }
    stream.once('close', () => holding.close())
    stream.on('timeout', () => {
      // A stream that idles has nothing left to send.
      if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL)
    })
    stream.on('data', (chunk: Buffer) => {
      // Whoever goes on sending is not listened to; a turn later, for Node 26 drops a refusal that has not left by then.
      if (!take(chunk.byteLength)) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR))
    })
    const plain = own.decompressMessage.bind(own)
    own.decompressMessage = async (message, encoding) => {
      if (encoding !== 'gzip' && encoding !== 'deflate') {
        sizes.push(message.byteLength)
        return plain(message, encoding)
      }
      try {
        const pieces = await decodeBody([message.subarray(PREFIX_BYTES)], encoding, limits.maxBodyBytes, holding)
        const inflated = inOne(pieces)
        sizes.push(inflated.byteLength + PREFIX_BYTES)
        return inflated
      } catch (error) {
        throw told(error)
      }
    }
    return new ServerInterceptingCall(call, {
      // Each message has its answer, in their order; the one before was taken, or this one would wait.
      sendMessage(message: Buffer, next) {
        holding.give(answerBytes + (sizes.shift() ?? 0))
        answerBytes = message.byteLength
        if (!take(answerBytes)) return
        next(message)
        stream.setTimeout(limits.stalledMs)
      },
    })
  }
}
