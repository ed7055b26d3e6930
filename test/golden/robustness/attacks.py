"""What the reference implementation of AutoAttack (github.com/fra31/auto-attack, commit a392200) makes of the smooth model of
test/robustness/attacks/smooth.ts, from the same random draws:

    npx tsx test/golden/robustness/attack-draws.ts | python test/golden/robustness/attacks.py <checkout> > test/golden/robustness/attacks.json
"""

import json
import sys

import torch

sys.path.insert(0, sys.argv[1])
from autoattack.autopgd_base import APGDAttack, APGDAttack_targeted  # noqa: E402
from autoattack.fab_pt import FABAttack_PT  # noqa: E402
from autoattack.square import SquareAttack  # noqa: E402

given = json.load(sys.stdin)
eps, steps = given["eps"], given["steps"]
ranked = torch.tensor(given["ranked"])
labels = ranked[:, 0]
n = len(labels)


def images(values):
    return torch.tensor(values, dtype=torch.float32).view(n, 3, 8, 8)


x = images(given["x"])
first = torch.tensor(given["first"], dtype=torch.float64).view(16, -1)
second = torch.tensor(given["second"], dtype=torch.float64).view(-1, 16)


def model(z):
    return (torch.tanh((z.flatten(1).double() - 0.5) @ first.T) @ second.T).float()


def found(attack, start, targets=None):
    """The point of the largest loss, and what fooled the model."""
    attack.init_hyperparam(x)
    if targets is not None:
        attack.y_target = targets
    best, right, loss, _ = attack.attack_single_run(x, labels, x_init=images(start))
    return {"x": best.flatten().tolist(), "fooled": (1 - right.long()).tolist(), "loss": loss.tolist()}


def fab(rank):
    """The smallest change in l-infinity that FAB finds towards the class of a rank."""
    attack = FABAttack_PT(model, n_iter=steps, eps=eps, norm="Linf", device="cpu", targeted=True)
    attack.target_class = rank + 1
    made = attack.attack_single_run(x, labels, is_targeted=True)
    return (made - x).abs().flatten(1).max(1)[0].tolist()


class Square(SquareAttack):
    """Squares and signs as they were drawn, for one image."""

    def draw(self, image):
        self.signs = [torch.sign((images(given["stripes"]) - x)[image].sum(1))[None, :, None, :]]
        self.places = []
        for square in given["squares"][image]:
            self.places += [square["top"], square["left"]]
            self.signs.append(torch.tensor(square["signs"], dtype=torch.float32).view(3, 1, 1))

    def random_choice(self, shape):
        return self.signs.pop(0)

    def random_int(self, low=0, high=1, shape=[1]):
        return torch.tensor([self.places.pop(0)])


def square():
    attack = Square(model, n_queries=given["queries"], eps=eps, resc_schedule=False, device="cpu")
    attack.init_hyperparam(x)
    made = []
    for image in range(n):
        attack.draw(image)
        made.append(attack.attack_single_run(x[image : image + 1], labels[image : image + 1])[1])
    made = torch.cat(made)
    margin = attack.margin_and_loss(made, labels)[0]
    return {"x": made.flatten().tolist(), "fooled": (margin <= 0).long().tolist()}


options = dict(n_iter=steps, eps=eps, norm="Linf", device="cpu")
starts = given["starts"]


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [float(f"{each:.7g}") if isinstance(each, float) else each for each in value]


print(
    json.dumps(
        rounded(
            {
                "apgd-ce": found(APGDAttack(model, loss="ce", **options), starts["ce"]),
                "apgd-t 2": found(APGDAttack_targeted(model, **options), starts["second"], ranked[:, 1]),
                "apgd-t 3": found(APGDAttack_targeted(model, **options), starts["third"], ranked[:, 2]),
                "fab-t 2": {"change": fab(1)},
                "fab-t 3": {"change": fab(2)},
                "square": square(),
            }
        )
    )
)
