import { type Dataset, subset } from '../data/index.ts'
import type { Model } from '../ir/index.ts'
import type { TuningReport } from '../report/index.ts'
import { compareModels } from './judge/compare.ts'
import { keepsNothing } from './quantize/keep-float.ts'
import { recipeOf } from './trail.ts'
import { givenBack, kept } from './train/given-back.ts'
import { DEFAULT_TEMPERATURE } from './train/learn.ts'
import { comparing, learningProof } from './train/learning-proof.ts'
import { mustBeProvable, type ProofOptions, rowsToProve } from './train/proof-rows.ts'
import { sizeAndSpeed, toldOfLearning, toldOfProof, toldOfRows } from './train/told-of-learning.ts'
import type { TrainingResult } from './train/trained-trail.ts'
import { type TuneSettings, tuneStaticInt8 } from './tuned-trail.ts'

export interface TuneOptions extends TuneSettings, ProofOptions {
  readonly names?: readonly [before: string, after: string]
}

/**
 * Tunes for static int8 as `tuneStaticInt8`, on a share of the rows, and holds the tuned model and the plainly quantized
 * one against the float model on rows that nothing has learned from.
 */
export async function tune(model: Model, data: Dataset, options: TuneOptions): Promise<TrainingResult<TuningReport>> {
  const [beforeName, afterName] = options.names ?? ['before', 'after']
  const rows = await rowsToProve(data, options)
  await mustBeProvable(model, rows, options)
  const made = await tuneStaticInt8(model, data, rows, options)
  const { tensors, learned, scales, plain, teacherBytes } = made
  // Tuning may do harm; which of the two is nearer is asked of the rows that chose the epoch, not of those that prove.
  const chosenOn = subset(data, rows.select)
  const before = kept(await compareModels(model, plain.model, chosenOn, comparing(options)))
  const after = kept(await compareModels(model, made.trail.model, chosenOn, comparing(options)))
  const helped = before === null || after === null || after >= before
  const trail = helped ? made.trail : plain
  const models = [
    { path: beforeName, model },
    { path: afterName, model: trail.model },
  ] as const
  const proof = await learningProof(models, rows, options)
  const { comparison, sides } = proof
  const untuned = await compareModels(model, plain.model, rows.prove, comparing(options))
  const { share, clause } = givenBack(untuned, comparison)
  const effect = helped ? clause : '; tuning did not help, so the plainly quantized model is handed out'
  const dataDigest = await data.digest()
  return {
    model: trail.model,
    recipe: recipeOf(trail),
    tensors: helped ? tensors : new Map(),
    report: {
      kind: 'tuning',
      version: 1,
      sentence: `The integer model’s ${sizeAndSpeed(proof)}${effect}.`,
      ...toldOfProof(proof, options),
      scheme: 'static-int8',
      before: sides[0],
      after: sides[1],
      plain: { metric: untuned.candidate.value ?? untuned.agreement?.rate ?? null, verdict: untuned.verdict },
      gapClosed: share,
      scales,
      temperature: options.temperature ?? DEFAULT_TEMPERATURE,
      loss: learned.lossWeights,
      teacherBytes,
      ...toldOfLearning(learned, proof, rows, { path: data.path, digest: dataDigest, rows: data.rows }, options),
      warnings: [
        ...toldOfRows(data, rows, proof),
        ...learned.notes,
        ...made.gone.map(keepsNothing),
        ...(helped ? [] : ['on the rows that chose the epoch the tuned model did worse than the plain one']),
      ],
    },
  }
}
