"""The network: an average of small multilayer perceptrons, trained together in NumPy.

Input is `[z, present]`: F standardised, clipped values (0 where missing) and F flags. Each of `MEMBERS` perceptrons sees
it through two hidden layers of rectified units; the score is the mean of their logits.

    [N, 2F] --W1--> [N, members x 32] --W2, each member its own block--> [N, members x 16] --W3--> [N] logit

Members share minibatches and differ by start and dropout, so that the first layer is one matrix product for all.
NumPy alone, one thread, one seed: the same machine gives the same weights.
"""

import dataclasses

import numpy as np

MEMBERS = 8
HIDDEN = (32, 16)
CLIP = 4.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """What training may be tuned by."""

    epochs: int = 8
    batch: int = 256
    rate: float = 2e-3
    decay: float = 0.05
    dropout: float = 0.4
    input_dropout: float = 0.2


class Scaling:
    """Mean and spread of each input over its central 98 %, so that artefacts do not set the scale."""

    def __init__(self, values):
        low, high = np.nanquantile(values, [0.01, 0.99], axis=0)
        central = np.clip(values, low, high)
        spread = np.nanstd(central, axis=0)
        # Rounded to single precision here, since the contract and the graph carry these very numbers.
        self.mean = np.nanmean(central, axis=0).astype(np.float32)
        self.spread = np.where(spread > 1e-6, spread, 1.0).astype(np.float32)

    def encode(self, values):
        """[N, F] with NaN for missing -> [N, 2F]."""
        z = np.clip((values - self.mean) / self.spread, -CLIP, CLIP)
        present = ~np.isnan(values)
        return np.concatenate([np.where(present, z, 0), present], axis=1).astype(np.float32)


class Dropout:
    """Masks cut from one long random strip at random places: fresh random numbers would cost more than the network."""

    LENGTH = 1 << 22

    def __init__(self, random, rate):
        keep = random.random(self.LENGTH) >= rate
        self.strip = (keep / (1 - rate)).astype(np.float32)
        self.random = random

    def mask(self, shape):
        size = int(np.prod(shape))
        start = int(self.random.integers(self.LENGTH - size))
        return self.strip[start : start + size].reshape(shape)


class Network:
    """Weights of all members: W1 [2F, M*32], W2 [M, 32, 16], W3 [M, 16, 1], and biases."""

    def __init__(self, width, seed):
        self.random = np.random.default_rng(seed)
        first, second = HIDDEN
        self.weights = [
            self._start((width, MEMBERS * first), width, 2.0),
            self._start((MEMBERS, first, second), first, 2.0),
            self._start((MEMBERS, second, 1), second, 0.1),
        ]
        shapes = [(MEMBERS * first,), (MEMBERS, 1, second), (MEMBERS, 1, 1)]
        self.biases = [np.zeros(shape, np.float32) for shape in shapes]

    def _start(self, shape, fan_in, gain):
        return (self.random.standard_normal(shape) * np.sqrt(gain / fan_in)).astype(np.float32)

    def logits(self, inputs):
        """[N, 2F] -> [N], the mean over members."""
        return np.concatenate([self._member_logits(inputs[i : i + 4096]).mean(0) for i in range(0, len(inputs), 4096)])

    def _member_logits(self, inputs):
        first = np.maximum(inputs @ self.weights[0] + self.biases[0], 0)
        first = first.reshape(len(inputs), MEMBERS, -1).transpose(1, 0, 2)
        second = np.maximum(first @ self.weights[1] + self.biases[1], 0)
        return (second @ self.weights[2] + self.biases[2])[..., 0]

    def fit(self, inputs, targets, settings):
        """Minimises the log loss of targets in 0..1 by Adam with decoupled weight decay, warm-up and a cosine schedule."""
        dropout = Dropout(self.random, settings.dropout)
        input_dropout = Dropout(self.random, settings.input_dropout)
        optimiser = Adam(self.weights, self.biases, settings.decay)
        steps = len(inputs) // settings.batch
        total = settings.epochs * steps
        for step in range(total):
            if step % steps == 0:
                order = self.random.permutation(len(inputs))
            rows = order[(step % steps) * settings.batch :][: settings.batch]
            gradients = self._gradients(inputs[rows] * input_dropout.mask((len(rows), inputs.shape[1])), targets[rows], dropout)
            warm_up = min(1.0, (step + 1) / (0.1 * total))
            optimiser.step(gradients, settings.rate * warm_up * 0.5 * (1 + np.cos(np.pi * step / total)))
        return self

    def _gradients(self, inputs, targets, dropout):
        """Gradients of the members' mean log losses: weights, then biases."""
        count = len(inputs)
        first = np.maximum(inputs @ self.weights[0] + self.biases[0], 0)
        mask_first = dropout.mask(first.shape)
        first *= mask_first
        first = first.reshape(count, MEMBERS, -1).transpose(1, 0, 2)
        second = np.maximum(first @ self.weights[1] + self.biases[1], 0)
        mask_second = dropout.mask(second.shape)
        second *= mask_second
        logits = second @ self.weights[2] + self.biases[2]
        to_logits = ((1 / (1 + np.exp(-logits)) - targets[None, :, None]) / count).astype(np.float32)
        to_second = (to_logits @ self.weights[2].transpose(0, 2, 1)) * mask_second * (second > 0)
        to_first = (to_second @ self.weights[1].transpose(0, 2, 1)) * (first > 0)
        to_first = to_first.transpose(1, 0, 2).reshape(count, -1) * mask_first
        weights = [inputs.T @ to_first, first.transpose(0, 2, 1) @ to_second, second.transpose(0, 2, 1) @ to_logits]
        biases = [to_first.sum(0), to_second.sum(1, keepdims=True), to_logits.sum(1, keepdims=True)]
        return weights + biases


class Adam:
    """Adam (Kingma and Ba 2015) with decoupled decay of the weights (Loshchilov and Hutter 2019)."""

    def __init__(self, weights, biases, decay):
        self.parameters = weights + biases
        self.decayed = len(weights)
        self.decay = decay
        self.first = [np.zeros_like(p) for p in self.parameters]
        self.second = [np.zeros_like(p) for p in self.parameters]
        self.count = 0

    def step(self, gradients, rate):
        self.count += 1
        for i, (parameter, gradient) in enumerate(zip(self.parameters, gradients)):
            self.first[i] += 0.1 * (gradient - self.first[i])
            self.second[i] += 0.001 * (gradient * gradient - self.second[i])
            mean = self.first[i] / (1 - 0.9**self.count)
            spread = np.sqrt(self.second[i] / (1 - 0.999**self.count)) + 1e-8
            if i < self.decayed:
                parameter *= 1 - rate * self.decay
            parameter -= (rate * mean / spread).astype(np.float32)
