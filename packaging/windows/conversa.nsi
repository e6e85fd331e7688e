; The installer: for one person, without an administrator. `build` calls it.
;
;   conversa-…-setup.exe /S             asks nothing and shows nothing
;   conversa-…-setup.exe /D=C:\Place    puts the program there; without quotes, and last
;   uninstall.exe /S                    removes it again, without a question
;
; The program is there twice, as one that Windows opens without a console and, for terminals, as one with: see `build`.
; The identity and the rooms of a person are never touched.

; The program itself runs on 64 bits only.
Target amd64-unicode
Unicode true
; The dictionary spans both programs, so that the second adds next to nothing.
SetCompressor /SOLID lzma
SetCompressorDictSize 128
; The same sources make the same installer.
SetDateSave off
RequestExecutionLevel user
ManifestDPIAware true

!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include WinVer.nsh

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Conversa"
!define APP_PATH "Software\Microsoft\Windows\CurrentVersion\App Paths\conversa.exe"
; What a click on an invite runs.
!define LINK_COMMAND '"$INSTDIR\conversa.exe" -- "%1"'
!define START_MENU "$SMPROGRAMS\Conversa"

Name "Conversa"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\Conversa"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
VIProductVersion "${VERSION}.0"
VIFileVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "Conversa"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "Conversa Setup"
VIAddVersionKey "CompanyName" "The Conversa contributors"
VIAddVersionKey "LegalCopyright" "The Conversa contributors, MIT or Apache-2.0"

!define MUI_ICON "${FILES}\conversa.ico"
!define MUI_UNICON "${FILES}\conversa.ico"
!define MUI_FINISHPAGE_RUN "$INSTDIR\conversa.exe"
!define MUI_UNCONFIRMPAGE_TEXT_TOP "$(PROFILE_STAYS)"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"
!insertmacro MUI_LANGUAGE "Spanish"
!insertmacro MUI_LANGUAGE "French"
!insertmacro MUI_LANGUAGE "Japanese"
!insertmacro MUI_LANGUAGE "Arabic"
!include texts.nsh

; Removes a program, once nobody runs it any more.
!macro REMOVE_PROGRAM NAME
    ${Do}
        ClearErrors
        Delete "$INSTDIR\${NAME}"
        ${IfNot} ${Errors}
            ${Break}
        ${EndIf}
        MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(IS_RUNNING)" /SD IDCANCEL IDRETRY +2
        Abort "$(IS_RUNNING)"
    ${Loop}
!macroend

; What a click looks up, by how an invite begins: those to learning rooms begin differently.
!macro REGISTER_LINK SCHEME
    WriteRegStr HKCU "Software\Classes\${SCHEME}" "" "URL:Conversa"
    WriteRegStr HKCU "Software\Classes\${SCHEME}" "URL Protocol" ""
    WriteRegStr HKCU "Software\Classes\${SCHEME}\DefaultIcon" "" "$INSTDIR\conversa.exe,0"
    WriteRegStr HKCU "Software\Classes\${SCHEME}\shell\open\command" "" '${LINK_COMMAND}'
!macroend

; Unless another program takes the links by now.
!macro UNREGISTER_LINK SCHEME
    ReadRegStr $0 HKCU "Software\Classes\${SCHEME}\shell\open\command" ""
    ${If} $0 == '${LINK_COMMAND}'
        DeleteRegKey HKCU "Software\Classes\${SCHEME}"
    ${EndIf}
!macroend

Function .onInit
    ${IfNot} ${AtLeastWin10}
        MessageBox MB_OK|MB_ICONSTOP "$(TOO_OLD)" /SD IDOK
        Abort
    ${EndIf}
FunctionEnd

Section "Conversa"
    SetOutPath "$INSTDIR"
    !insertmacro REMOVE_PROGRAM "conversa.exe"
    !insertmacro REMOVE_PROGRAM "conversa.com"
    File "${FILES}\conversa.exe"
    File "${FILES}\conversa.com"
    File "${FILES}\LICENSE.txt"
    File "${FILES}\third-party-notices.txt"
    WriteUninstaller "$INSTDIR\uninstall.exe"

    ; Of an installation in another language, maybe.
    Delete "${START_MENU}\*.lnk"
    CreateDirectory "${START_MENU}"
    SetOutPath "$PROFILE"
    CreateShortcut "${START_MENU}\Conversa.lnk" "$INSTDIR\conversa.exe" "" "$INSTDIR\conversa.exe" 0
    ; There `conversa` is found without its directory.
    CreateShortcut "${START_MENU}\$(TERMINAL).lnk" "$SYSDIR\cmd.exe" \
        '/k "set "PATH=$INSTDIR;%PATH%" & conversa --help"' "$INSTDIR\conversa.exe"

    !insertmacro REGISTER_LINK "conversa"
    !insertmacro REGISTER_LINK "conversa-learning"
    ; What people type after Windows+R.
    WriteRegStr HKCU "${APP_PATH}" "" "$INSTDIR\conversa.exe"

    WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Conversa"
    WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\conversa.exe,0"
    WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Conversa contributors"
    WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
    WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
    ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
    IntFmt $0 "0x%08X" $0
    WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" "$0"
SectionEnd

Section "Uninstall"
    !insertmacro REMOVE_PROGRAM "conversa.exe"
    !insertmacro REMOVE_PROGRAM "conversa.com"
    Delete "$INSTDIR\LICENSE.txt"
    Delete "$INSTDIR\third-party-notices.txt"
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR"
    Delete "${START_MENU}\*.lnk"
    RMDir "${START_MENU}"

    !insertmacro UNREGISTER_LINK "conversa"
    !insertmacro UNREGISTER_LINK "conversa-learning"
    DeleteRegKey HKCU "${APP_PATH}"
    DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd
