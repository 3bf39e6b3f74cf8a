import { type Infer, oneOf } from './schema.ts'

/** The three answers of the verdict table; everything that decides gives one of them. */
export const verdict = oneOf('pass', 'regressed', 'inconclusive')
export type Verdict = Infer<typeof verdict>
