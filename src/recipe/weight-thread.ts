// What a thread that codes weights can do, by name (`advanceOnThreads`).
export { codeBlocks } from '../passes/index.ts'
