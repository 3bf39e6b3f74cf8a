import type { TensorProto } from 'onnx-buf'
import type { ByteRange, Tensor } from '../ir/index.ts'

/** An encoded message as a list of bytes, weights still by reference. */
export interface Pieces {
  readonly byteLength: number
  readonly parts: readonly (Uint8Array | ByteRange)[]
}

/** Where encoding differs from writing everything as it stands. */
export interface EncodeContext {
  /** What becomes of a tensor that lives in another file, or should: see `Placement`. */
  place(tensor: Tensor): Placement
  /** Messages whose `raw_data` is written from a range of bytes later. */
  readonly deferred: Map<TensorProto, ByteRange>
  /** Messages that contain deferred ones. */
  readonly holders: Set<object>
  /** What stands for messages that are encoded already, with their bytes. */
  readonly ready: Map<object, Pieces>
}

/** `keep`: as it stands. `embed`: into the file. Entries: into another file, under these `external_data` entries. */
export type Placement = 'keep' | 'embed' | readonly (readonly [string, string])[]

/** A context that writes every tensor as it stands. */
export function plainContext(place: EncodeContext['place']): EncodeContext {
  return { place, deferred: new Map(), holders: new Set(), ready: new Map() }
}
