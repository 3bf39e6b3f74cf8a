import { boolean, type Infer, integer, list, object, optional, text } from './schema.ts'
import { verdict } from './verdict.ts'

/** One limit of a gate file against what was measured. */
const gateCheck = object({
  /** Place in the gate file, as `slices.font=serif`. */
  id: text,
  /** What was asked, in words. */
  what: text,
  limit: text,
  measured: text,
  verdict,
  /** Whether an undecided answer holds the gate back. */
  blocks: boolean,
  /** Line of the limit in the gate file, from 1. */
  line: optional(integer),
})
export type GateCheck = Infer<typeof gateCheck>

/** `regressed` where a limit is broken, else `inconclusive` where a blocking check is undecided, else `pass`. */
export const gateResult = object({ file: text, digest: text, verdict, checks: list(gateCheck) })
export type GateResult = Infer<typeof gateResult>
