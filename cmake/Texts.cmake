# Makes a C source of a folder's files: cmake -DFOLDER=… -DNAME=… -DOUT=… -P Texts.cmake
file(GLOB files ${FOLDER}/[A-Z][0-9]*.md)
list(SORT files)
set(bodies)
set(rows)
foreach(file ${files})
  cmake_path(GET file STEM stem)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND bodies "static const unsigned char text_${stem}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${stem}\", (const char *)text_${stem}, sizeof(text_${stem}) - 1},\n")
endforeach()
file(WRITE ${OUT}
  "#include \"runtime/base/embedded.h\"\n\n${bodies}\n"
  "extern const struct embedded ${NAME}[];\n"
  "const struct embedded ${NAME}[] = {\n${rows}    {0},\n};\n")
