"""The models of bench/models in PyTorch, as functions of their weights, which they take as nnc lays them out: dense kernels
[inputs, units], convolutions [height, width, channels, filters], images with channels last."""
import math

import torch
import torch.nn.functional as F


class Network(torch.nn.Module):
    """Holds the weights in PyTorch's layouts; a subclass says in `forward` what is made of them."""

    def __init__(self, weights, job, device):
        super().__init__()
        # Tensor cores want channels last, products of f32 on a graphics processor do not.
        self.wide_layout = job.get("channels_last", job["precision"] != "f32")
        for name, value in weights.items():
            tensor = torch.from_numpy(value.copy()).to(device)
            if tensor.dim() == 4:
                tensor = self.laid_out(tensor.permute(3, 2, 0, 1))
            elif name.endswith("kernel"):
                tensor = tensor.t().contiguous()
            self.register_parameter(name.replace("/", "__"), torch.nn.Parameter(tensor))

    def laid_out(self, images):
        layout = torch.channels_last if self.wide_layout else torch.contiguous_format
        return images.contiguous(memory_format=layout)

    def weight(self, name):
        return getattr(self, name.replace("/", "__"))

    def dense(self, name, x):
        return F.linear(x, self.weight(f"{name}/kernel"), self.weight(f"{name}/bias"))


class Mlp(Network):
    def forward(self, x):
        return self.dense("dense_2", F.relu(self.dense("dense_1", F.relu(self.dense("dense", x)))))


class Cnn(Network):
    def forward(self, x):
        h = self.laid_out(x.permute(0, 3, 1, 2))
        for name in ("convolution", "convolution_1"):
            h = F.conv2d(h, self.weight(f"{name}/kernel"), self.weight(f"{name}/bias"))
            h = F.max_pool2d(F.relu(h), 2)
        return self.dense("dense", h.permute(0, 2, 3, 1).flatten(1))


class ResNet(Network):
    def __init__(self, weights, job, device):
        super().__init__(weights, job, device)
        self.blocks = sum(name.endswith("convolution_1/kernel") for name in weights)

    def normalized(self, name, x):
        gamma, beta = self.weight(f"{name}/gamma"), self.weight(f"{name}/beta")
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)

    def forward(self, x):
        h = self.laid_out(x.permute(0, 3, 1, 2))
        h = F.conv2d(h, self.weight("convolution/kernel"), padding=1)
        h = F.relu(self.normalized("batch_normalization", h))
        for number in range(self.blocks):
            block = "block" if number == 0 else f"block_{number}"
            first = self.weight(f"{block}/convolution/kernel")
            filters, channels = first.shape[:2]
            stride = 1 if filters == channels else 2
            r = F.relu(self.normalized(f"{block}/batch_normalization", F.conv2d(h, first, stride=stride, padding=1)))
            r = F.conv2d(r, self.weight(f"{block}/convolution_1/kernel"), padding=1)
            r = self.normalized(f"{block}/batch_normalization_1", r)
            if stride == 2:
                h = F.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, 0, filters - channels))
            h = F.relu(r + h)
        return self.dense("dense", h.mean(dim=(2, 3)))


class Lstm(Network):
    """cuDNN's, or, for compilers, its steps one by one."""

    unrolled = False

    def __init__(self, weights, job, device):
        super().__init__(weights, job, device)
        cell = "lstm/lstm_cell"
        inputs, units = weights[f"{cell}/kernel"].shape[0], weights[f"{cell}/recurrent_kernel"].shape[0]
        # Its weights are one block of memory, as cuDNN wants them.
        self.lstm = torch.nn.LSTM(inputs, units, batch_first=True, device=device)
        own = {"kernel": "weight_ih_l0", "recurrent_kernel": "weight_hh_l0", "bias": "bias_ih_l0"}
        with torch.no_grad():
            for name, its in own.items():
                getattr(self.lstm, its).copy_(self.weight(f"{cell}/{name}"))
                delattr(self, f"{cell}/{name}".replace("/", "__"))
            # A second bias, which stays zero.
            self.lstm.bias_hh_l0.zero_().requires_grad_(False)

    def forward(self, x):
        if not self.unrolled:
            output, _ = self.lstm(x)
            return self.dense("dense", output[:, -1])
        h = c = x.new_zeros(x.shape[0], self.lstm.hidden_size)
        projected = F.linear(x, self.lstm.weight_ih_l0, self.lstm.bias_ih_l0)
        for t in range(x.shape[1]):
            i, f, g, o = (projected[:, t] + F.linear(h, self.lstm.weight_hh_l0)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return self.dense("dense", h)


class Transformer(Network):
    def __init__(self, weights, job, device):
        super().__init__(weights, job, device)
        self.depth = sum(name.endswith("attention/dense/kernel") for name in weights)
        self.heads = job["constants"].get("heads", 4)

    def normalized(self, name, x):
        gamma, beta = self.weight(f"{name}/gamma"), self.weight(f"{name}/beta")
        return F.layer_norm(x, x.shape[-1:], gamma, beta)

    def attention(self, name, x):
        rows, positions, width = x.shape
        parts = self.dense(f"{name}/dense", x).view(rows, positions, 3, self.heads, width // self.heads)
        q, k, v = (part.transpose(1, 2) for part in parts.unbind(2))
        if hasattr(F, "scaled_dot_product_attention"):
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(width // self.heads), -1) @ v
        return self.dense(f"{name}/dense_1", mixed.transpose(1, 2).reshape(x.shape))

    def forward(self, x):
        h = self.dense("dense", x) + self.position
        for number in range(self.depth):
            block = "block" if number == 0 else f"block_{number}"
            h = h + self.attention(f"{block}/attention", self.normalized(f"{block}/layer_normalization", h))
            r = self.dense(f"{block}/dense", self.normalized(f"{block}/layer_normalization_1", h))
            h = h + self.dense(f"{block}/dense_1", F.gelu(r, approximate="tanh"))
        return self.dense("dense_1", self.normalized("layer_normalization", h).mean(dim=1))


NETWORKS = {"mlp": Mlp, "cnn": Cnn, "resnet": ResNet, "lstm": Lstm, "transformer": Transformer}
