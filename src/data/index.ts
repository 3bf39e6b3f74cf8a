export type { InputWish } from './assign-roles.ts'
export * from './dataset.ts'
export * from './open-dataset.ts'
