import type { Served } from './arrivals.ts'
import type { Allocations, PeakMemory, RuntimeKind, Stall } from './isolation.ts'
import type { OrtSessionOptions } from './ort-options.ts'
import type { Ports } from './ports.ts'
import type { Feeds, Fetched } from './session.ts'

/** What a runtime process can be asked. `feeds: null` means those that were last timed. */
export type Request =
  /** Loads the runtime itself, so that a model opens sooner. */
  | { readonly op: 'warm' }
  | {
      readonly op: 'open'
      readonly runtime: RuntimeKind
      readonly path: string
      /** What messages call the model; the path may be a temporary one. */
      readonly where: string | undefined
      readonly ports: Ports
      readonly options: OrtSessionOptions
      /** Where the graph is written as the runtime optimised it; nowhere by default. */
      readonly optimized: string | undefined
      readonly stall: Stall | undefined
    }
  | { readonly op: 'run'; readonly feeds: Feeds; readonly fetch: readonly string[] | undefined }
  | { readonly op: 'time'; readonly feeds: Feeds | null; readonly count: number; readonly warm: number }
  | { readonly op: 'arrivals'; readonly feeds: Feeds | null; readonly arrivals: Float64Array }
  | { readonly op: 'allocations'; readonly feeds: Feeds | null; readonly runs: number }
  | { readonly op: 'groups'; readonly feeds: Feeds; readonly names: readonly string[]; readonly byteBudget: number }
  | { readonly op: 'memory' }
  | { readonly op: 'close' }
  /** Writes the graph as the runtime optimised it. */
  | { readonly op: 'optimize'; readonly path: string; readonly out: string; readonly options: OrtSessionOptions }
  /** Writes a trace with this prefix: `warm` runs, then `runs`. */
  | {
      readonly op: 'profile'
      readonly path: string
      readonly prefix: string
      readonly feeds: Feeds
      readonly warm: number
      readonly runs: number
      readonly options: OrtSessionOptions
    }

/** What the child answers, by the `op` of the request; times in milliseconds unless named otherwise. */
export interface Answer {
  readonly warm: null
  readonly open: { readonly ports: Ports; readonly engine: string; readonly loadMs: number }
  readonly run: { readonly fetched: Fetched; readonly firstMs: number }
  readonly time: {
    readonly ns: Float64Array
    /** Processor time of all of them together; null where that tells nothing. */
    readonly ranNs: number | null
    readonly firstMs: number
  }
  readonly arrivals: Served & { readonly firstMs: number }
  readonly allocations: Allocations
  readonly groups: readonly (readonly string[])[]
  readonly memory: PeakMemory
  readonly close: null
  readonly optimize: null
  readonly profile: null
}
