import { existsSync } from 'node:fs'
import { AUGMENTATIONS, type Augmentation } from '../data/index.ts'
import { UserError } from '../platform/index.ts'
import type { LearnSettings } from '../recipe/index.ts'
import { MARGIN, THREADS } from './inputs.ts'
import type { Arguments, Context, OptionSpec } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** Options of everything that trains. */
export const LEARNING: Readonly<Record<string, OptionSpec>> = {
  proof: { type: 'string', value: 'D2', help: 'rows to prove on, instead of a share of --data' },
  margin: MARGIN,
  batch: { type: 'string', value: 'N', help: 'rows per step (32); halved where memory runs short' },
  rate: { type: 'string', value: 'R', help: 'the highest learning rate (0.003)' },
  temperature: { type: 'string', value: 'T', help: 'softness of the answers that are learned (4)' },
  'teacher-share': { type: 'string', value: 'S', help: 'weight of those answers beside the labels, 0 to 1 (0.7)' },
  augment: {
    type: 'string',
    value: 'HOW',
    help: `change rows each time they are seen: ${AUGMENTATIONS.join(',')}, any of them (none)`,
  },
  optimizer: { type: 'string', value: 'NAME', help: 'adamw (default) or sgd' },
  patience: { type: 'string', value: 'N', help: 'stop after N epochs without improvement (never)' },
  threads: { ...THREADS, help: `${THREADS.help}; with one, runs repeat to the bit` },
}

/** What they say. */
export function learningSettings(options: Arguments, context: Context) {
  const label = options.text('label')
  return {
    margin: options.number('margin', 0.01, Number.MIN_VALUE),
    batch: options.integer('batch', 32, 1, 1 << 20),
    rate: options.number('rate', 3e-3, Number.MIN_VALUE, 1e6),
    temperature: options.number('temperature', 4, 1e-3, 1e3),
    teacherShare: options.number('teacher-share', 0.7, 0, 1),
    optimizer: { kind: options.choice('optimizer', ['adamw', 'sgd'], 'adamw') },
    threads: options.integer('threads', 1, 1, 256),
    seed: options.integer('seed', 0),
    patience: options.givenInteger('patience', 3, 1),
    augment: augmentations(options),
    signal: context.signal,
    onProgress: (line: string) => context.progress(line),
    onEpoch: ({ epoch, loss, score }, scoreName) =>
      context.say(
        `epoch ${epoch + 1}: loss ${loss.toFixed(4)}${score === null ? '' : `, ${scoreName} ${score.toFixed(4)}`}`,
      ),
    label,
  } satisfies Omit<LearnSettings, 'epochs'> & { margin: number; label?: string | undefined }
}

/** The checkpoint of a training that writes the file `-o`. */
export const checkpointBeside = (options: Arguments): string => `${options.text('output')}.checkpoint`

/**
 * Where a training keeps its checkpoint, and whether to go on from it.
 *
 * @throws UserError where `--resume` finds none.
 */
export function checkpointAt(checkpoint: string, options: Arguments): { checkpoint: string; resume: boolean } {
  const resume = options.flag('resume')
  if (resume && !existsSync(checkpoint))
    throw new UserError('missing-file', `there is no checkpoint to go on from: ${checkpoint}`, {
      where: checkpoint,
      hint: 'leave out --resume to start',
    })
  return { checkpoint, resume }
}

/** Kinds in the order of their table, whatever the order they were named in: the same kinds are the same run. */
function augmentations(options: Arguments): readonly Augmentation[] {
  const given = (options.text('augment') ?? '').split(',').map((kind) => kind.trim())
  const wrong = given.find((kind) => kind !== '' && !(AUGMENTATIONS as readonly string[]).includes(kind))
  if (wrong !== undefined)
    throw wrongCall(
      `--augment ${wrong}: no such change of rows`,
      `choices: ${AUGMENTATIONS.join(', ')}, with commas between them`,
    )
  return AUGMENTATIONS.filter((kind) => given.includes(kind))
}
