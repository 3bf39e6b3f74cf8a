import type { OrtSessionOptions } from './ort-options.ts'

/** What a lanes process can be asked; answered with the same `id`. */
export type LanesRequest =
  | { readonly op: 'read'; readonly path: string; readonly digest: string | undefined }
  | { readonly op: 'open'; readonly lane: number; readonly options: OrtSessionOptions }
  | { readonly op: 'close'; readonly lane: number }

/** The first descriptor of a lane: after the three of every process and the channel of messages. */
export const FIRST_LINE = 4
