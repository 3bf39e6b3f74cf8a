// Models as bytes and files, loaded by those who write or read one: the bundle loads with this module what it names of that
// room alone.
export { encodeModel, modelBytes, readModel, writeModel } from '../onnx/index.ts'
