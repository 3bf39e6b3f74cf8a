// Rows of a model, loaded by those who have some: the bundle loads with this module what it names of these rooms alone.
export { openDataset } from '../data/index.ts'
export { inputPorts, outputPorts } from './model-ports.ts'
