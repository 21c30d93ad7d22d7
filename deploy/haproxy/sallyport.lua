-- Asks Sallyport whether a request may pass, with the HTTP client that HAProxy has had since 2.5. Nothing else is needed.
--
--   http-request lua.sallyport http://HOST:PORT/authz/forward-auth
--   http-request deny deny_status 503 unless { var(txn.sallyport) -m str allow }
--
-- HOST is an IP address. The second line is what keeps the door shut: an error in this script does not end a request.
-- Sets txn.sallyport ("allow"), txn.sallyport_session (Set-Cookie for the client) and txn.sallyport_token (for the log).

-- Milliseconds that Sallyport may take. HAProxy asks up to four times.
local PATIENCE = 1250

-- How headers begin that only Sallyport and HAProxy may say, with "-" for every separator. Add the header that
-- read_service_tokens_from_header names to those after them.
local OURS = {
  "cf-access-", "cf-client-cert-", "sallyport-", "x-authenticated-", "x-client-cert", "x-forwarded-", "x-original-",
  "x-rewrite-", "x-sallyport-", "x-ssl-client-", "x-auth-", "x-access-",
}
local OURS_WHOLE = {
  ["cf-connecting-ip"] = true, ["cf-connecting-ipv6"] = true, ["cf-ipcountry"] = true, ["client-cert"] = true,
  ["client-cert-chain"] = true, ["forwarded"] = true, ["remote-user"] = true, ["true-client-ip"] = true,
  ["x-client-ip"] = true, ["x-cluster-client-ip"] = true, ["x-real-ip"] = true, ["x-remote-user"] = true,
  ["http2-settings"] = true,
}
-- A client's own credentials for the application.
local THEIRS = { ["x-auth-token"] = true, ["x-auth-key"] = true }
-- Sallyport is not told: they belong to the connection or the body, or are said anew.
local UNTOLD = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true, ["keep-alive"] = true,
  ["proxy-authorization"] = true, ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true,
  ["transfer-encoding"] = true, ["upgrade"] = true,
}

local function begins(name, prefixes)
  for _, prefix in ipairs(prefixes) do
    if name:sub(1, #prefix) == prefix then return true end
  end
  return false
end

local function is_ours(name)
  local plain = name:lower():gsub("[^%w]", "-")
  return (OURS_WHOLE[plain] or begins(plain, OURS)) and not THEIRS[plain]
end

-- HAProxy counts header values from 0 in requests, and the client's answers too.
local function first(headers, name)
  local values = headers and headers[name]
  return values and (values[0] or values[1])
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status, body = body })
  for name, values in pairs(headers) do
    for _, value in pairs(values) do reply:add_header(name, value) end
  end
  txn:done(reply)
end

core.register_action("sallyport", { "http-req" }, function(txn, url)
  txn:set_var("txn.sallyport", "refuse")
  local asked, told = txn.http:req_get_headers(), {}
  local host = asked["host"]
  if not host or not host[0] or host[1] then
    return refuse(txn, 400, { ["cf-access-error"] = { "HOST_AMBIGUOUS" } }, "")
  end
  for name, values in pairs(asked) do
    local is_claim = begins(name, { "x-forwarded-", "x-original-" })
    if not UNTOLD[name] and not is_claim then
      told[name] = {}
      for at = 0, #values do table.insert(told[name], values[at]) end
    end
  end
  told["x-forwarded-method"] = { txn.sf:method() }
  -- An integer before HAProxy 3.1.
  local tls = txn.f:ssl_fc()
  told["x-forwarded-proto"] = { (tls == true or tls == 1) and "https" or "http" }
  told["x-forwarded-host"] = { host[0] }
  told["x-forwarded-uri"] = { txn.sf:pathq() }
  told["x-forwarded-for"] = { txn.sf:src() }
  -- What the client has presented: DER in base64. A client cannot say it.
  told["x-client-cert"] = nil
  local certificate = txn.f:ssl_c_der()
  if certificate and certificate ~= "" then told["x-client-cert"] = { txn.c:base64(certificate) } end

  local answer = core.httpclient():get({ url = url, headers = told, timeout = PATIENCE })
  local decision = answer and first(answer.headers, "sallyport-decision")
  if not decision then
    core.Warning("sallyport: no answer from " .. url)
    return refuse(txn, 503, { ["cf-access-error"] = { "AUTHZ_UNAVAILABLE" }, ["retry-after"] = { "1" } }, "")
  end
  if answer.status ~= 200 or decision == "refused" then
    answer.headers["content-length"] = nil
    answer.headers["connection"] = nil
    return refuse(txn, answer.status, answer.headers, answer.body or "")
  end

  -- What the application gets: nothing that speaks in our name but what Sallyport has just said.
  for name in pairs(asked) do
    if is_ours(name) then txn.http:req_del_header(name) end
  end
  txn.http:req_del_header("cookie")
  local function tell(name, value)
    if value and value ~= "-" then txn.http:req_set_header(name, value) end
  end
  tell("cf-access-jwt-assertion", first(answer.headers, "cf-access-jwt-assertion"))
  txn.http:req_del_header("cf-ray")
  tell("cf-ray", first(answer.headers, "cf-ray"))
  tell("sallyport-fallback", first(answer.headers, "sallyport-fallback"))
  tell("cookie", first(answer.headers, "sallyport-cookie"))
  tell("x-forwarded-for", told["x-forwarded-for"][1])
  tell("x-forwarded-host", host[0])
  tell("x-forwarded-proto", told["x-forwarded-proto"][1])
  local session, token = first(answer.headers, "set-cookie"), first(answer.headers, "sallyport-token-id")
  if session then txn:set_var("txn.sallyport_session", session) end
  if token and token ~= "-" then txn:set_var("txn.sallyport_token", token) end
  txn:set_var("txn.sallyport", "allow")
end, 1)
