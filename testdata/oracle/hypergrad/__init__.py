from .adam_hd import AdamHD
from .sgd_hd import SGDHD
