// By itself, so that the answer comes at once.
export { WHETSTONE_VERSION } from '../report/index.ts'
