import type { ByteTensor } from '../../engine/index.ts'
import { ServeError } from '../serve-error.ts'
import { type Head, readHead } from './read-request.ts'
import { jsonOf } from './tensor-json.ts'

// This module runs on a thread of its own: the requests of others do not wait for large JSON.

/** What was read, or what is wrong with it: an error of a class of ours would come as a plain one. */
export type ReadHead = { readonly head: Head } | { readonly refused: Pick<ServeError, 'code' | 'message'> }

export function readHeadOf(text: Uint8Array): ReadHead {
  try {
    return { head: readHead(text) }
  } catch (error) {
    if (!(error instanceof ServeError)) throw error
    const { code, message } = error
    return { refused: { code, message } }
  }
}

export const writeDataOf = (tensor: ByteTensor): Uint8Array => {
  const text = Buffer.from(jsonOf(tensor))
  return new Uint8Array(text.buffer, text.byteOffset, text.byteLength)
}

/** The memory of a result that goes to whoever asked uncopied. */
export function moved(value: ReadHead | Uint8Array): readonly ArrayBufferLike[] {
  const views =
    value instanceof Uint8Array
      ? [value]
      : 'head' in value
        ? value.head.inputs.flatMap((input) => ('pieces' in input ? input.pieces : []))
        : []
  // Small buffers of Node lie in one that they share.
  return views.filter(({ buffer, byteLength }) => buffer.byteLength === byteLength).map(({ buffer }) => buffer)
}
