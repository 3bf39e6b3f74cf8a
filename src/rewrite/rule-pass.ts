import type { Model, ValueType } from '../ir/index.ts'
import type { Pass } from './pass.ts'
import { type Rule, runRules } from './rule.ts'

/** A pass without options that is nothing but rules; `infer` gives the types, where the rules ask for them. */
export function rulePass(
  id: string,
  summary: string,
  rules: readonly Rule[],
  infer: (model: Model) => ReadonlyMap<string, ValueType> = () => new Map(),
): Pass {
  return { id, summary, run: (model) => runRules(model, id, rules, () => infer(model)) }
}
