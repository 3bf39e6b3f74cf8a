import {
  browserRuntime,
  type IsolatedPlacement,
  type IsolatedSession,
  machine,
  type OrtSessionOptions,
  openInBrowser,
  openIsolated,
  requireWeb,
} from '../engine/index.ts'
import type { Model } from '../ir/index.ts'
import { checkChoice, UserError } from '../platform/index.ts'
import { TARGETS, type Target } from '../report/index.ts'
import { LEAN } from './lean.ts'

/** Where models of a target are run, timed and judged. */
export interface RunsOn {
  /** The runtime and its version, as reports and the keys of kept evidence name it. */
  readonly runtime: string
  open(model: Model | string, options?: OrtSessionOptions, placement?: IsolatedPlacement): Promise<IsolatedSession>
}

/**
 * The place where what is meant for `target` is measured: processes with onnxruntime-node, or for `web` with
 * onnxruntime-web, or the tabs of a headless `browser` (its path, or `auto` for the one that is installed).
 *
 * @throws UserError `bad-argument` where there is no such target, `unsupported` where the runtime of browsers or the
 *   browser is asked for and not there.
 */
export async function runsOn(target: Target, browser?: string): Promise<RunsOn> {
  checkChoice('target', target, TARGETS)
  if (browser !== undefined && target !== 'web')
    throw new UserError('bad-argument', 'a browser runs what is made for browsers', {
      where: '--browser',
      hint: 'add --target web',
    })
  if (target !== 'web') return { runtime: machine().runtime, open: openIsolated }
  if (browser !== undefined)
    return { runtime: await browserRuntime(browser), open: (model, options) => openInBrowser(model, options, browser) }
  return {
    runtime: await requireWeb(),
    open: (model, options, placement) => openIsolated(model, options, { ...placement, runtime: 'web' }),
  }
}

/** Why the runtime that `open` stands for does not take a model at all, or null where it does. */
export async function refusalBy(open: RunsOn['open'], model: Model): Promise<UserError | null> {
  try {
    await (await open(model, LEAN)).close()
    return null
  } catch (error) {
    if (error instanceof UserError) return error
    throw error
  }
}
