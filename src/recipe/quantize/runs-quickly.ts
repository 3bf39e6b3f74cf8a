import type { Dataset } from '../../data/index.ts'
import { type Feeds, inputsOf } from '../../engine/index.ts'
import { feedsFrom } from '../../evaluate/index.ts'
import { allNodes, type Model } from '../../ir/index.ts'
import { workOfRun } from './work-of-run.ts'

/** Nodes of a graph that the runtime opens in a few milliseconds. */
const SHORT = 64
/** Multiply-accumulates (see `workOfRun`) that take it some two milliseconds. */
const QUICK = 2 ** 26

/**
 * Whether a model opens and runs so quickly that the few dozen runs of a quantization are over before one more process
 * with the runtime has come up (70 ms of a processor). A model of open sizes is asked with its first row; one that says
 * nothing, or whose row cannot be read, is not taken for a quick one.
 */
export async function runsQuickly(model: Model, data: Dataset | undefined): Promise<boolean> {
  if ([...allNodes(model.graph)].length > SHORT) return false
  const declared = workOfRun(model)
  const work = Number.isNaN(declared) && data ? workOfRun(model, await firstRow(model, data)) : declared
  return work <= QUICK
}

/** A fault in it shows where rows are read for their own sake. */
async function firstRow(model: Model, data: Dataset): Promise<Feeds | undefined> {
  try {
    for await (const row of feedsFrom({ inputs: inputsOf(model) }, data, [0])) return row
  } catch {}
  return undefined
}
