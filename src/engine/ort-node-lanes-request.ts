import { FIRST_OF_STDIO } from '../platform/index.ts'
import type { OrtSessionOptions } from './ort-options.ts'

/** What a lanes process can be asked; answered with the same `id`. */
export type LanesRequest =
  | { readonly op: 'read'; readonly path: string; readonly digest: string | undefined }
  | { readonly op: 'open'; readonly lane: number; readonly options: OrtSessionOptions }
  | { readonly op: 'close'; readonly lane: number }

/** Each lane has two descriptors: its line, and its shared pages. */
export const lineOf = (lane: number): number => FIRST_OF_STDIO + 2 * lane
export const pagesOf = (lane: number): number => lineOf(lane) + 1
