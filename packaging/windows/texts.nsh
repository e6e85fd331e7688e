; What the installer says beside the pages that NSIS brings along in each language.

!macro TEXT NAME ENGLISH GERMAN SPANISH FRENCH JAPANESE ARABIC
    LangString ${NAME} ${LANG_ENGLISH} "${ENGLISH}"
    LangString ${NAME} ${LANG_GERMAN} "${GERMAN}"
    LangString ${NAME} ${LANG_SPANISH} "${SPANISH}"
    LangString ${NAME} ${LANG_FRENCH} "${FRENCH}"
    LangString ${NAME} ${LANG_JAPANESE} "${JAPANESE}"
    LangString ${NAME} ${LANG_ARABIC} "${ARABIC}"
!macroend

!insertmacro TEXT IS_RUNNING \
    "Conversa is running. Close it, then try again." \
    "Conversa läuft noch. Bitte schließen Sie es und versuchen Sie es dann noch einmal." \
    "Conversa está abierto. Ciérrelo e inténtelo de nuevo." \
    "Conversa est en cours d’exécution. Fermez-le, puis réessayez." \
    "Conversa が実行中です。終了してから、もう一度お試しください。" \
    "‏Conversa قيد التشغيل. أغلقه ثم حاول مرة أخرى."

!insertmacro TEXT TOO_OLD \
    "Conversa needs Windows 10 or newer." \
    "Conversa braucht Windows 10 oder neuer." \
    "Conversa necesita Windows 10 o posterior." \
    "Conversa nécessite Windows 10 ou une version plus récente." \
    "Conversa には Windows 10 以降が必要です。" \
    "يحتاج Conversa إلى Windows 10 أو أحدث."

!insertmacro TEXT PROFILE_STAYS \
    "Conversa will be removed. Your identity and your rooms stay in $LOCALAPPDATA\Conversa, for another installation." \
    "Conversa wird entfernt. Ihre Identität und Ihre Räume bleiben für eine spätere Installation in $LOCALAPPDATA\Conversa." \
    "Se eliminará Conversa. Su identidad y sus salas quedan en $LOCALAPPDATA\Conversa para otra instalación." \
    "Conversa va être supprimé. Votre identité et vos salons restent dans $LOCALAPPDATA\Conversa pour une autre installation." \
    "Conversa を削除します。ID とルームは、次のインストールのために $LOCALAPPDATA\Conversa に残ります。" \
    "سيُزال Conversa. تبقى هويتك وغرفك في $LOCALAPPDATA\Conversa لتثبيت آخر."

!insertmacro TEXT TERMINAL \
    "Conversa in a terminal" \
    "Conversa im Terminal" \
    "Conversa en una terminal" \
    "Conversa dans un terminal" \
    "ターミナルで Conversa を使う" \
    "‏Conversa في الطرفية"
