import type { DescMessage, Message, MessageShape } from '@bufbuild/protobuf'
import type { EncodeContext, Pieces } from './encode-context.ts'
import { toPieces } from './pieces.ts'

/** Parts of models as bytes, weights by reference. They never change, and a pass shares what it did not touch. */
const encoded = new WeakMap<object, Pieces>()

/**
 * Stands in a message for a part of a model that is encoded once and for all: every step of a recipe names its models by
 * the digest of their bytes, and most parts of one are those of the one before. `alike` says whether the part is written
 * alike in every context; where it is not, its message stands there as it is.
 */
export function encodedOnce<D extends DescMessage>(
  part: object,
  schema: D,
  alike: boolean,
  context: EncodeContext,
  make: () => MessageShape<D>,
): MessageShape<D> {
  if (!alike) return make()
  let pieces = encoded.get(part)
  if (!pieces) encoded.set(part, (pieces = toPieces(schema, make() as Message, context)))
  const standIn = {} as MessageShape<D>
  context.ready.set(standIn, pieces)
  return standIn
}
