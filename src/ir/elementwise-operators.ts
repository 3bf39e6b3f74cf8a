const words = (text: string): readonly string[] => text.split(/\s+/)

/**
 * Operators, by `operatorName`, that make each number of their output of the number in the same place of their first
 * input; further inputs are single numbers, such as the bounds of Clip.
 */
export const UNARY: ReadonlySet<string> = new Set(
  words(`Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid
    HardSwish Identity IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh
    Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu com.microsoft.Gelu com.microsoft.QuickGelu`),
)

/**
 * Of the numbers in the same place of all inputs, any of which is repeated along the axes that it lacks or has one place
 * of (ONNX, multidirectional broadcasting: of Max, Min, Mean and Sum since opset 8, of the others that are as old since 7).
 */
export const BROADCASTING: ReadonlySet<string> = new Set(
  words(`Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min
    Mod Mul Or Pow Sub Sum Where Xor`),
)

/** All of these, and those that repeat a second input alone. */
export const ELEMENTWISE: ReadonlySet<string> = new Set([
  ...UNARY,
  ...BROADCASTING,
  ...words('PRelu com.microsoft.BiasGelu com.microsoft.FastGelu'),
])
