import { type Infer, integer, list, number, object, record, report, text } from './schema.ts'

/**
 * What the rows say about single channels of values, the evidence of correcting biases and of giving channels scales of
 * their own. `axis` is the one that channels lie on, −1 for the last; the lists hold one number a channel, in real units.
 */
export const channels = report('channels', {
  samples: integer,
  dataDigest: text,
  values: record(
    object({
      axis: integer,
      min: list(number),
      max: list(number),
      mean: list(number),
      /**
       * What the greatest magnitude in another row is expected to stay below: mean + t·s·√(1 + 1/n) of those of n rows,
       * t the 99 % point of Student's distribution.
       */
      reach: list(number),
    }),
  ),
  unseen: list(object({ name: text, reason: text })),
})
export type ChannelsReport = Infer<typeof channels>
