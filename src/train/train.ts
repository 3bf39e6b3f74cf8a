import { UserError } from '../platform/index.ts'
import type { Trained, TrainOptions } from './options.ts'
import type { StepGraph } from './step-graph.ts'
import { TrainingRun } from './training-run.ts'

/**
 * Trains: each step is one run of the step graph. Rows are shuffled by seed and epoch, so on one thread a run that is
 * resumed from a checkpoint gives the same bits as one that was never interrupted.
 *
 * @throws UserError `bad-data` where the loss or the gradient is no longer finite: it names the first such tensor, and
 * the last saved state stays; `out-of-resources` where not even one row fits into memory; the signal's reason when
 * aborted, after the state was saved.
 */
export async function train(step: StepGraph, options: TrainOptions): Promise<Trained> {
  if (options.rows.length === 0) throw new UserError('bad-data', 'there are no rows to train on', { where: 'data' })
  const run = await TrainingRun.open(step, options)
  try {
    while (run.goesOn) await run.epoch()
    return run.result()
  } finally {
    await run.close()
  }
}
