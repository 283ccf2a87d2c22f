# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text as people and models write it: prose, markdown, code, some Korean and emoji. The same seed gives the same text."""

from __future__ import annotations

import itertools
import random


def _split(words: str) -> list[str]:
    return words.split()


_COMMON = _split(
    "the of and to a in is that it for on with as this be are by you can or from your an not if use at we have which "
    "will but each when one all how so they use only value data then there their model set first same more no time "
    "table into line two than these any should may has make been also new list query file name error key order"
)
_ONSETS = _split("b br c ch cl d dr f fl g gr h j l m n p pl pr qu r s sh sp st str t th tr v w")
_NUCLEI = _split("a e i o u ai ea ee ia io oa ou")
_CODAS = _split("b ck d ft g l ll m n nd ng nt p r rd rm s ss st t th x")
_ENDINGS = ("", "", "", "s", "ed", "ing", "er", "ly", "ion", "ment", "able", "ness")
_KOREAN = _split(
    "데이터베이스 마이그레이션 서버 사용자 대화 기록 파일 검색 결과 설정 모델 메시지 오류 확인 다음 단계 먼저 백업 복원 "
    "안녕하세요 감사합니다 질문 답변 코드 함수 변수 테이블 색인 성능 속도 메모리 디스크 네트워크 그리고 하지만 따라서 예를 들어"
)
_EMOJI = ("🚀", "✅", "🙂", "👩\u200d💻", "🎉", "⚠️", "📦", "🇰🇷", "🦜", "❤️")
_LANGUAGES = ("python", "sql", "bash", "javascript", "yaml")

VOCABULARY = 4000
PARAGRAPHS = 6000
CODE_BLOCKS = 800


class Writer:
    """Writes titles, questions, answers and documents out of a stock of paragraphs.

    The stock is large beside one chat or file, so that text repeats itself no more than real text does.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._words = _COMMON + sorted({self._word() for _turn in range(VOCABULARY)})
        # Zipf's law: the n-th most frequent word is n times rarer than the first.
        self._weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(self._words))))
        self._paragraphs = [self._paragraph() for _turn in range(PARAGRAPHS)]
        self._code = [self._code_block() for _turn in range(CODE_BLOCKS)]

    def title(self) -> str:
        """A few words, sometimes with an emoji in front, as Open WebUI lets the model write them."""
        words = " ".join(self._pick(self._rng.randint(2, 6))).capitalize()
        return f"{self._rng.choice(_EMOJI)} {words}" if self._rng.random() < 0.5 else words

    def question(self) -> str:
        """What a user asks: mostly short, now and then with code pasted in."""
        text = " ".join(self._pick(self._rng.randint(5, 40))).capitalize() + "?"
        return f"{text}\n\n{self._rng.choice(self._code)}" if self._rng.random() < 0.15 else text

    def answer(self) -> str:
        """What a model answers: headings, paragraphs, lists, code."""
        parts = []
        for number in range(self._rng.randint(1, 3)):
            if self._rng.random() < 0.6:
                parts.append(f"### {number + 1}. **{self.title()}**")
            parts.append(self._rng.choice(self._paragraphs))
            if self._rng.random() < 0.35:
                parts.append(self._rng.choice(self._code))
            if self._rng.random() < 0.3:
                parts.append(self._bullets())
        return "\n\n".join(parts)

    def document(self, size: int) -> str:
        """Text extracted from a file, of about so many characters."""
        parts = self._rng.choices(self._paragraphs, k=max(1, size // 380))
        return "\n".join(parts)

    def _word(self) -> str:
        rng = self._rng
        syllables = (rng.choice(_ONSETS) + rng.choice(_NUCLEI) for _turn in range(rng.choice((1, 1, 2, 2, 3))))
        return "".join(syllables) + rng.choice(_CODAS) + rng.choice(_ENDINGS)

    def _pick(self, number: int) -> list[str]:
        return self._rng.choices(self._words, cum_weights=self._weights, k=number)

    def _paragraph(self) -> str:
        rng = self._rng
        if rng.random() < 0.05:
            return " ".join(rng.choices(_KOREAN, k=rng.randint(15, 50))) + f". {rng.choice(_EMOJI)}"
        return " ".join(self._sentence() for _turn in range(rng.randint(2, 7)))

    def _sentence(self) -> str:
        rng = self._rng
        words = self._pick(rng.randint(6, 18))
        if rng.random() < 0.2:
            words[rng.randrange(len(words))] = rng.choice(("`{}`", "**{}**", '"{}"', "it's", "{}:")).format(words[0])
        if rng.random() < 0.1:
            words.append(str(rng.randint(2, 99999)))
        return " ".join(words).capitalize() + "."

    def _bullets(self) -> str:
        return "\n".join(f"- {' '.join(self._pick(self._rng.randint(3, 12)))}" for _turn in range(self._rng.randint(2, 6)))

    def _code_block(self) -> str:
        rng = self._rng
        lines = []
        for _turn in range(rng.randint(3, 18)):
            one, two, three = self._pick(3)
            template = rng.choice(
                (
                    '    {0} = {1}.get("{2}", {3})',
                    "    if {0} != '{1}':\n        return {2}[{3}]",
                    "\t{0}: {1}  # {2}",
                    '    print(f"{0}: {{{1}}}\\n")',
                    'SELECT {0}, count(*) FROM "{1}" WHERE {2} > {3};',
                    "    for {0} in {1}({2}):",
                    "  const {0} = await {1}(`${{{2}}}/{3}`);",
                )
            )
            lines.append(template.format(one, two, three, rng.randint(0, 9999)))
        return f"```{rng.choice(_LANGUAGES)}\n" + "\n".join(lines) + "\n```"
