// Models in files, loaded by those who have one: the bundle loads with this module what it names of that room alone.
export { externalLocations } from '../ir/index.ts'
export { readModel, writeModel } from '../onnx/index.ts'
