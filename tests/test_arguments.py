"""Arguments of a wrong name or type are named."""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
import pytest
from mmengine.config import ConfigDict

from deeprank_mm.arguments import check_arguments


class Parent:
    def __init__(self, folder: str = '', deep: bool = False) -> None:
        self.folder, self.deep = folder, deep


class Thing(Parent):
    @check_arguments
    def __init__(
        self,
        number: int,
        share: float = 0.5,
        flag: bool = False,
        name: Optional[str] = None,
        names: Sequence[str] = (),
        steps: List[Union[Dict, Callable]] = (),
        pair: Tuple[float, float] = (0, 1),
        weights: Optional[Mapping[str, float]] = None,
        anything: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.number = number


@pytest.mark.parametrize(
    'good',
    [
        dict(number=np.int64(3)),
        dict(share=1, names=['a'], steps=(dict(), print), pair=[1, 2.5]),
        dict(share=np.float32(0.5), flag=np.bool_(True), name=None),
        dict(weights=ConfigDict(a=1), names=('a', 'b'), anything=object()),
        dict(folder='x', deep=True, names=np.array(['a'])),
    ],
)
def test_what_configs_hold_passes(good):
    assert Thing(**{'number': 1, **good}).number in (1, 3)


@pytest.mark.parametrize(
    'bad, message',
    [
        (dict(number=1.0), '`number` must be an integer, but got 1.0'),
        (dict(number=True), '`number` must be an integer, but got True'),
        (dict(number='1'), "but got '1' .str"),
        (dict(number=10**30), 'an integer'),
        (dict(share=float('nan')), '`share` must be a finite number, but go'),
        (dict(share=np.inf), 'a finite number'),
        (dict(share=10**30), 'a finite number'),
        (dict(share='0.5'), 'a finite number'),
        (dict(flag=1), '`flag` must be True or False'),
        (dict(name=3), '`name` must be a text or None'),
        (dict(names='joint'), "must be a list of a text, but got 'joint'"),
        (dict(names=[1]), '`names` must be a list'),
        (dict(names=np.array('a')), '`names` must be a list'),
        (dict(steps=[3]), 'a list of a dict or a function'),
        (dict(pair=[1]), '`pair` must be a list'),
        (dict(weights=[1]), '`weights` must be a dict or None'),
        (dict(weights=dict(a='x')), '`weights`'),
        (dict(nmber=1), "Thing has no argument 'nmber', it takes number, sh"),
        (dict(nmber=1), 'folder, deep'),
        (dict(folder=3), '`folder` must be a text'),
    ],
)
def test_what_is_wrong_is_named(bad, message):
    with pytest.raises(TypeError, match=message):
        Thing(**{'number': 1, **bad})


def test_what_is_missing_is_named():
    with pytest.raises(TypeError, match="Thing .*'number'"):
        Thing()
    with pytest.raises(TypeError, match='Thing .*too many'):
        Thing(*range(20))


def test_a_long_value_is_cut_short():
    with pytest.raises(TypeError) as info:
        Thing(number='x' * 1000)
    assert len(str(info.value)) < 200


def test_a_parent_that_takes_anything_takes_anything():
    class Open:
        @check_arguments
        def __init__(self, a: int = 0, **kwargs: Any) -> None:
            self.kwargs = kwargs

    assert Open(b=3).kwargs == dict(b=3)
    with pytest.raises(TypeError, match='`a` must be an integer'):
        Open(a='x', b=3)


def test_a_subclass_is_called_by_its_own_name():
    class Other(Thing):
        pass

    with pytest.raises(TypeError, match='Other: `number`'):
        Other('x')
