/** Trains a network of self-made blocks for two steps, then reads a tap and the gradient of the image. */
import { GradientSession, InferenceSession, ModelWeights, Trainer, oneHot, openDevice } from 'largekernel';
import { conv2d, defineModel, depthwise, gelu, globalAveragePool, layerNorm } from 'largekernel';
import { linear, residual } from 'largekernel';

const model = defineModel('two-blocks', { channels: 1, classes: 2 }, (r, image) => {
  let x = conv2d(r, 'stem', image, 16, { kernel: 4, stride: 4, padding: 0 });
  for (const name of ['first', 'second'])
    x = r.block(name, x, (input) => {
      const mixed = depthwise(r, 'dwconv', input, [7, 7]);
      const rows = layerNorm(r, 'norm', mixed, { from: 'nchw', to: 'rows' });
      const wide = gelu(r, linear(r, 'pwconv1', rows, 64));
      return residual(r, input, linear(r, 'pwconv2', wide, 16), { from: 'rows', layerScale: 0.1 });
    });
  return linear(r, 'head', globalAveragePool(r, x), 2);
});

// Class 0 is bright on the left, class 1 on the right.
const labels = [0, 1, 0, 1, 0, 1, 0, 1];
const images = Float32Array.from({ length: 8 * 32 * 32 }, (_, i) => {
  const isRight = i % 32 >= 16;
  return isRight === (labels[Math.floor(i / 1024)] === 1) ? 1 : -1;
});

const device = await openDevice(process.argv[2] ?? 'auto');
const trainer = await Trainer.create(device, model, { imageSize: 32, batch: 8 });
for (let i = 0; i < 2; i++) console.log(await trainer.step(images, labels, { lr: 1e-2, weightDecay: 0.05 }));

const shape = { batch: 8, channels: 1, imageSize: 32 };
const weights = await ModelWeights.upload(device, model, await trainer.weights());
const inference = await InferenceSession.create(device, weights, shape, { taps: ['second'] });
console.log('logits', await inference.logits(images, 8), 'tap', (await inference.tap('second')).shape);
const gradients = await GradientSession.create(device, weights, shape);
console.log('dx', (await gradients.run(images, oneHot(labels, 2))).dx.length);
device.close();
