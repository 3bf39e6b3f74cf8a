import type { Model } from '../../ir/index.ts'
import type { LearnedModel, PruningReport } from '../../report/index.ts'
import type { Learned } from '../train/learn.ts'
import type { TrainedTrail } from '../train/trained-trail.ts'

/** What goes, decided but not yet learned from. */
export interface Pruning extends Pick<PruningReport, 'unit' | 'pattern' | 'asked' | 'groups' | 'held'> {
  /** The model that learns again, and what of it; its trainable weights by default. */
  readonly student: Model
  readonly wrt?: readonly string[]
  /**
   * The finished model: with what was learned, or without where nothing was. `parameters` are those that are not zero,
   * where zeros are no parameters.
   */
  finish(
    learned: Learned | null,
    about: { readonly dataDigest: string; readonly rows: number },
  ): Promise<TrainedTrail & { readonly parameters?: number }>
  /** What is left and how fast it is, in a sentence; `speed` is null where it was not timed. */
  sentence(before: LearnedModel, after: LearnedModel, speed: string | null): string
  /** What is said where nothing learned. */
  readonly unlearned: string
}
