/** Operators that a gradient goes back through. A name without a rule in `gradientRules` does not compile. */
// biome-ignore format: a list to read
export const DIFFERENTIABLE = [
  'Abs', 'Add', 'Atan', 'AveragePool', 'BatchNormalization', 'Cast', 'CastLike', 'Ceil', 'Celu', 'Clip', 'Concat',
  'Conv', 'ConvInteger', 'ConvTranspose', 'Cos', 'Cosh', 'CumSum', 'DepthToSpace', 'DequantizeLinear', 'Div',
  'Dropout', 'DynamicQuantizeLinear', 'Einsum', 'Elu', 'Erf', 'Exp', 'Expand', 'Flatten', 'Floor', 'Gather',
  'GRU', 'GatherElements', 'GatherND', 'Gelu', 'Gemm', 'GlobalAveragePool', 'GlobalMaxPool', 'GroupNormalization',
  'HardSigmoid', 'HardSwish', 'Identity', 'InstanceNormalization', 'LSTM', 'LayerNormalization', 'LeakyRelu', 'Log',
  'LogSoftmax', 'MatMul', 'MatMulInteger', 'Max', 'MaxPool', 'Mean', 'Min', 'Mish', 'Mod', 'Mul', 'Neg', 'PRelu',
  'Pad', 'Pow', 'QuantizeLinear', 'RMSNormalization', 'RNN', 'Reciprocal', 'ReduceL1', 'ReduceL2', 'ReduceLogSum',
  'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSum', 'ReduceSumSquare', 'Relu',
  'Reshape', 'Resize', 'Round', 'Scan', 'ScatterElements', 'ScatterND', 'Selu', 'Sigmoid', 'Sin', 'Sinh', 'Slice', 'Softmax', 'Softplus', 'Softsign',
  'SpaceToDepth', 'Split', 'Sqrt', 'Squeeze', 'Sub', 'Sum', 'Swish', 'Tan', 'Tanh', 'ThresholdedRelu', 'Tile',
  'TopK', 'Transpose', 'Trilu', 'Unsqueeze', 'Where', 'com.microsoft.Gelu', 'com.microsoft.QuickGelu',
  'com.microsoft.RotaryEmbedding',
] as const

export type DifferentiableOperator = (typeof DIFFERENTIABLE)[number]

/** Operators whose results do not move when their inputs move a little: nothing goes back through them. */
// biome-ignore format: a list to read
export const CONSTANT_NEARLY_EVERYWHERE: ReadonlySet<string> = new Set([
  'And', 'ArgMax', 'ArgMin', 'Bernoulli', 'BitShift', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor',
  'Constant', 'ConstantOfShape', 'Equal', 'EyeLike', 'Greater', 'GreaterOrEqual', 'IsInf', 'IsNaN', 'Less',
  'LessOrEqual', 'Multinomial', 'NonMaxSuppression', 'NonZero', 'Not', 'Or', 'RandomNormal',
  'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Shape', 'Sign', 'Size', 'Unique', 'Xor',
])
