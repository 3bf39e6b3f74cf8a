// What `whet quantize` needs beyond its options: the bundle loads with this module what it names of these rooms alone.
export { writeModel } from '../onnx/index.ts'
export { diskCache, quantize, writeRecipe } from '../recipe/index.ts'
