export { checkModel, newProblems } from './check-model.ts'
export type { Problem } from './problem.ts'
