import { ModelProtoSchema } from 'onnx-buf'
import type { Model } from '../ir/index.ts'
import { sha256, UserError } from '../platform/index.ts'
import { type EncodeContext, type Pieces, plainContext } from './encode-context.ts'
import { encodeToMessage } from './encode-graph.ts'
import { concat, flatten, toPieces } from './pieces.ts'

/** Protobuf's own limit for one message (bytes). */
export const MOST_BYTES = 2 ** 31 - 1

export interface EncodeOptions {
  /** Puts the weights that live in other files into this one. Otherwise they stay references, as they were read. */
  readonly embed?: boolean
}

const context = (options: EncodeOptions): EncodeContext => plainContext(() => (options.embed ? 'embed' : 'keep'))

/** The file in pieces that are written one after the other, so that it need not be in memory at once. */
export function encodePieces(model: Model, how: EncodeContext): Pieces {
  return toPieces(ModelProtoSchema, encodeToMessage(model, how), how)
}

/**
 * The bytes of an ONNX file. A model that was read and not changed gives the bytes that it was read from. UserError
 * `unsupported` above 2 GiB, which only `writeModel` can write.
 */
export function encodeModel(model: Model, options: EncodeOptions = {}): Uint8Array {
  const pieces = encodePieces(model, context(options))
  if (pieces.byteLength > MOST_BYTES)
    throw new UserError('unsupported', `the model takes ${pieces.byteLength} bytes, and one ONNX file holds 2 GiB`, {
      hint: 'write it with writeModel(model, path), which puts the weights beside it',
    })
  return concat(flatten(pieces), pieces.byteLength)
}

/**
 * The same bytes as `encodeModel`, piece by piece and without a copy of the weights: a piece must be used before the
 * next is asked for, and must not be changed.
 */
export function* encodeChunks(model: Model, options: EncodeOptions = {}): Generator<Uint8Array> {
  yield* flatten(encodePieces(model, context(options)))
}

/** Bytes of the encoded model with its external data. */
export function modelBytes(model: Model): number {
  return encodePieces(model, context({ embed: true })).byteLength
}

/**
 * `sha256:` of the canonical encoding: the model as `encodeChunks(model, { embed: true })` writes it, so that external
 * data counts, and where it lies does not. Fields come in the order of their numbers, maps in their own order.
 */
export function modelDigest(model: Model): string {
  let digest = digests.get(model)
  if (digest === undefined) digests.set(model, (digest = sha256(encodeChunks(model, { embed: true }))))
  return digest
}

/** A model never changes, and the output of one step of a recipe is the input of the next. */
const digests = new WeakMap<Model, string>()
