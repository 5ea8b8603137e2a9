"""A run of the published PyTorch code on this machine's CPU, as one JSON line: `reference.py CHECKOUT STEPS SEED THREADS`.

2 bits a weight, first and last layer 8 bits, and what main_imagenet.py of the checkout sets otherwise: 1,024 images, batch 32, Adam at 1e-3, weight 0.01,
b from 20 to 2 after 20 % of the steps, inputs from the quantized prefix. Nothing of the checkout is changed on disk: its requests for "cuda" get the CPU here.
"""
import contextlib
import json
import random
import sys
import time

import numpy as np
import torch

from resnet20 import ResNet20, add_shortcuts, images, load_weights

checkout, steps, seed, threads = sys.argv[1], *map(int, sys.argv[2:5])
begin = time.perf_counter()
sys.path.insert(0, checkout)
torch.set_num_threads(threads)
original_to = torch.Tensor.to
torch.Tensor.to = lambda self, *args, **named: original_to(self, *["cpu" if a == "cuda" else a for a in args], **named)
random.seed(seed)
np.random.seed(seed)
torch.manual_seed(seed)

with contextlib.redirect_stdout(sys.stderr):
    import quant.block_recon
    import quant.layer_recon
    from models.resnet import BasicBlock
    from quant import BaseQuantBlock, QuantModel, QuantModule, block_reconstruction, layer_reconstruction

caching = 0.0


def timed(save):
    def call(*args, **named):
        global caching
        start = time.perf_counter()
        result = save(*args, **named)
        caching += time.perf_counter() - start
        return result

    return call


for module in (quant.block_recon, quant.layer_recon):
    module.save_inp_oup_data = timed(module.save_inp_oup_data)


@torch.no_grad()
def classes_of(network, data):
    network.eval()
    return torch.cat([network(batch).argmax(1) for batch in data.split(100)])


def main():
    calibration, _ = images("calibration", 1024)
    evaluation, labels = images("evaluation")

    network = ResNet20(BasicBlock)
    load_weights(network)
    weights = {"n_bits": 2, "channel_wise": True, "scale_method": "mse"}
    activations = {"n_bits": 4, "channel_wise": False, "scale_method": "mse", "leaf_param": False}
    quantized = QuantModel(model=network, weight_quant_params=weights, act_quant_params=activations)
    add_shortcuts(quantized.model)
    quantized.eval()
    quantized.set_first_last_layer_to_8bit()
    quantized.set_quant_state(False, False)
    fp32 = classes_of(quantized, evaluation)
    quantized.set_quant_state(True, False)
    classes_of(quantized, calibration[:64])

    settings = dict(cali_data=calibration, iters=steps, weight=0.01, asym=True, b_range=(20, 2), warmup=0.2, act_quant=False, opt_mode="mse")
    units, training, processor = 0, 0.0, 0.0

    def reconstruct(module):
        nonlocal units, training, processor
        for child in module.children():
            one = block_reconstruction if isinstance(child, BaseQuantBlock) else layer_reconstruction if isinstance(child, QuantModule) else None
            if one is None:
                reconstruct(child)
            elif not child.ignore_reconstruction:
                cached, start, used = caching, time.perf_counter(), time.process_time()
                with contextlib.redirect_stdout(sys.stderr):
                    one(quantized, child, **settings)
                took = time.perf_counter() - start
                training += took - (caching - cached)
                # Caching is a small part, and as busy as the rest.
                processor += (time.process_time() - used) * (1 - (caching - cached) / took)
                units += 1

    reconstruct(quantized)
    quantized.set_quant_state(True, False)
    answer = classes_of(quantized, evaluation)
    share = lambda same: round(100 * same.float().mean().item(), 2)
    seconds = time.perf_counter() - begin
    result = {"of": "reference", "seed": seed, "steps": steps, "units": units, "fp32": share(fp32 == labels), "top1": share(answer == labels), "agreement": share(answer == fp32)}
    print(json.dumps({**result, "images": len(labels), "training_seconds": round(training, 2), "training_processor_seconds": round(processor, 2), "other_seconds": round(seconds - training, 2)}))


main()
