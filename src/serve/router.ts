import type { ByteTensor } from '../engine/index.ts'
import type { Run } from './model/batcher.ts'

/** What a router may know of a request before it runs. */
export interface RouteRequest {
  /** The client's id, or one that this server made; it comes back in the header `x-request-id`. */
  readonly requestId: string
  readonly model: string
  /** Whose request it is; '' without keys. */
  readonly tenant: string
  /** What a share of users is kept together by: the parameter `route_key`; without it each request has a key of its own. */
  readonly key: string
  /** The version that answers by default. */
  readonly live: string
  /** Every version that is warm. */
  readonly warm: readonly string[]
}

/** Which version answers a request, and which only run it. */
export interface Route {
  readonly version: string
  /** Versions that run the same request without anybody waiting for them; dropped first where there is not room. */
  readonly shadows?: readonly string[]
}

/** What became of a request, or of its shadow. */
export interface Outcome {
  readonly requestId: string
  readonly model: string
  readonly version: string
  readonly tenant: string
  /** Nobody waited for it: a shadow, or a run that went on when its client had given up. */
  readonly shadow: boolean
  /** `sha256:` over names, types, shapes and bytes of the inputs; computed when asked for, while they are held. */
  inputsDigest(): string
  /** null where the run failed. Their memory is used again after `observe` unless somebody holds it. */
  readonly outputs: readonly ByteTensor[] | null
  /** Keeps the inputs as they are for good, and the outputs until what it gives is called. */
  hold(): () => void
  /** Their memory is used again after `observe` unless somebody holds it. */
  readonly inputs: readonly ByteTensor[]
  /** The run that gave the answer, which other requests may have shared; null where there was none: a failure, a kept answer. */
  readonly run: Run | null
  readonly error: { readonly code: string; readonly message: string } | null
}

/**
 * Decides which version answers a request, and is told what came of it. Both are called on the path of every request:
 * they must not wait for anything.
 */
export interface Router {
  choose(request: RouteRequest): Route
  observe(outcome: Outcome): void
}

/** The live version answers everything. */
export const liveRouter: Router = {
  choose: ({ live }) => ({ version: live }),
  observe: () => {},
}
