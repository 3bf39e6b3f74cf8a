import type { Pass } from './pass.ts'
import { type Rule, runRules } from './rule.ts'

/** A pass without options that is nothing but rules. */
export function rulePass(id: string, summary: string, rules: readonly Rule[]): Pass {
  return { id, summary, run: (model) => runRules(model, id, rules) }
}
